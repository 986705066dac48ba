import { type FormEvent, useState } from 'react'
import { keepToken, readToken } from '../api/token.js'
import { useWords } from '../i18n/use-words.js'
import { useStateOf } from '../store/use-state-of.js'
import { ProblemNote } from './problem-note.js'

/** Asks for a token where the API wants one. */
export function SignIn({ onToken }: { onToken: () => void }) {
  const { t } = useWords()
  const problem = useStateOf((state) => state.problem)
  const [token, setToken] = useState('')
  // That one is needed is no mistake of somebody who has given none.
  const wasGiven = readToken() !== null
  const submit = (event: FormEvent) => {
    event.preventDefault()
    keepToken(token.trim())
    onToken()
  }
  return (
    <main className="sign-in" id="content">
      <form className="card" onSubmit={submit}>
        <h1>{t('signIn.title')}</h1>
        <p>{t('signIn.why')}</p>
        <label>
          {t('signIn.token')}
          <input
            type="password"
            autoComplete="off"
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        {wasGiven && problem !== null && <ProblemNote problem={problem} />}
        <button type="submit" className="primary">
          {t('signIn.go')}
        </button>
      </form>
    </main>
  )
}
