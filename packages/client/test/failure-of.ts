/** The error that a promise is rejected with; fails when it is not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    (answer) => {
      throw new Error(`It did not fail, and gave ${JSON.stringify(answer)?.slice(0, 200)}`)
    },
    (error) => error,
  )
}
