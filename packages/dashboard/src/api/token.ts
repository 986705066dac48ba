const KEY = 'pgherd.token'

/** The token of this tab. It is gone when the tab is closed, and no other page can read it. */
export function readToken(): string | null {
  return sessionStorage.getItem(KEY)
}

export function keepToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
}
