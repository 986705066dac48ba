/** An array of text as PostgreSQL reads one (`array_in`, src/backend/utils/adt/arrayfuncs.c). */
export function arrayText(values: readonly (string | null)[]): string {
  const elements = values.map((value) =>
    value === null ? 'NULL' : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  )
  return `{${elements.join(',')}}`
}
