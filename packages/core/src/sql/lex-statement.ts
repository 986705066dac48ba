/** How a literal is written; each has a placeholder of its own, so that shapes tell them apart. */
export type LiteralKind =
  | 'string'
  | 'escape-string'
  | 'unicode-string'
  | 'national-string'
  | 'dollar-string'
  | 'bits'
  | 'hex-bits'
  /** Certain to be an `integer` for PostgreSQL. */
  | 'integer'
  /** Any other number: `bigint` or `numeric`. */
  | 'number'

/** Where a literal stands in the text, in UTF-16 units; a sign before it is an operator, not a part. */
export interface LiteralSpan {
  kind: LiteralKind
  start: number
  end: number
}

export interface Lexed {
  /**
   * The statement with a placeholder for each literal, without comments and needless whitespace. It is
   * SQL itself, and its own shape.
   */
  shape: string
  literals: readonly LiteralSpan[]
  /** Why the text must not be trusted, null when it is plain what it says. */
  ambiguous: string | null
}

export interface LexOptions {
  /** `standard_conforming_strings` may be off: a backslash in a plain string may be an escape or not. */
  backslashQuotes: boolean
  /** Give up once the shape is longer than this; no limit without it. */
  maxShapeLength?: number
}

const NEWLINE = 10
const RETURN = 13
const SPACE = 32
const DOUBLE_QUOTE = 34
const DOLLAR = 36
const AMPERSAND = 38
const QUOTE = 39
const STAR = 42
const PLUS = 43
const MINUS = 45
const DOT = 46
const SLASH = 47
const ZERO = 48
const NINE = 57
const UNDERSCORE = 95
const BACKSLASH = 92
const LOWER_B = 98
const LOWER_E = 101
const LOWER_N = 110
const LOWER_O = 111
const LOWER_U = 117
const LOWER_X = 120

/** What a character may begin, for those below 128; all others are letters to PostgreSQL. */
const OTHER = 0
const BLANK = 1
const LETTER = 2
/** A letter that may be the prefix of a quoted thing: b e n u x. */
const PREFIX = 3
const DIGIT = 4

const CLASS = new Uint8Array(128).map((_, code) => {
  if (code === SPACE || (code >= 9 && code <= RETURN)) return BLANK
  const lower = code | 32
  if ([LOWER_B, LOWER_E, LOWER_N, LOWER_U, LOWER_X].includes(lower) && code >= 65) return PREFIX
  if ((lower >= 97 && lower <= 122 && code >= 65) || code === UNDERSCORE) return LETTER
  if (code >= ZERO && code <= NINE) return DIGIT
  return OTHER
})

/** Digits that always fit an `integer`: 999,999,999, and fff,ffff for all bases with a prefix. */
const DECIMAL_DIGITS = 9
const PREFIXED_DIGITS = 7

/** What stands in a string beside itself: `''`, that and `\\'`, or neither. */
type StringRules = 'plain' | 'escapes' | 'bits'

const PLACEHOLDER: Readonly<Record<Exclude<LiteralKind, 'integer' | 'number'>, string>> = {
  string: "'x'",
  'escape-string': "E'x'",
  'unicode-string': "U&'x'",
  'national-string': "N'x'",
  'dollar-string': '$$x$$',
  bits: "b'0'",
  'hex-bits': "x'0'",
}

/**
 * Takes the literals out of a statement, by the rules of PostgreSQL's `scan.l`. Never throws: what
 * PostgreSQL would not read, or might read otherwise than we do, is `ambiguous`, and its shape is of no use.
 */
export function lexStatement(text: string, options: LexOptions): Lexed {
  return new Lexer(text, options).run()
}

/** One pass over one text. A class for speed: what the pass remembers stays in registers and fields. */
class Lexer {
  private readonly text: string
  private readonly length: number
  private readonly backslashQuotes: boolean
  private readonly maxShapeLength: number
  private readonly literals: LiteralSpan[] = []
  private shape = ''
  /** Where the stretch begins that goes into the shape as it is. */
  private kept = 0
  private at = 0
  private trouble: string | null = null

  constructor(text: string, options: LexOptions) {
    this.text = text
    this.length = text.length
    this.backslashQuotes = options.backslashQuotes
    this.maxShapeLength = options.maxShapeLength ?? Number.POSITIVE_INFINITY
  }

  run(): Lexed {
    const { text, length } = this
    while (this.at < length && this.trouble === null) {
      const code = text.charCodeAt(this.at)
      const kind = code < 128 ? CLASS[code] : LETTER
      if (kind === LETTER) this.passWord()
      else if (kind === BLANK) this.passBlank(code)
      else if (kind === PREFIX) this.passPrefixed(code)
      else if (kind === DIGIT) this.takeNumber(this.at)
      else this.passOther(code)
    }
    this.shape += text.slice(this.kept, length)
    if (this.shape.length > this.maxShapeLength) this.fail('it is too long to be read')
    this.trouble ??= whyNotSent(text)
    return { shape: this.shape, literals: this.literals, ambiguous: this.trouble }
  }

  private code(at: number): number {
    return at < this.length ? this.text.charCodeAt(at) : -1
  }

  private passWord(): void {
    const { text, length } = this
    let at = this.at + 1
    while (at < length && isWordPart(text.charCodeAt(at))) at++
    this.at = at
  }

  private passBlank(code: number): void {
    const from = this.at
    const at = from + 1
    // By far the most frequent: one space between two words, which stays as it is.
    if (
      code === SPACE &&
      from > this.kept &&
      !isBlank(this.code(at)) &&
      !this.isComment(at) &&
      at < this.length
    )
      this.at = at
    else this.dropBlank(from)
  }

  private isComment(at: number): boolean {
    const code = this.code(at)
    return (code === MINUS && this.code(at + 1) === MINUS) || (code === SLASH && this.code(at + 1) === STAR)
  }

  /** Puts one space in place of whitespace and comments; none at either end of the text. */
  private dropBlank(from: number): void {
    const { text } = this
    let at = from
    for (;;) {
      if (isBlank(this.code(at))) at++
      else if (this.isComment(at)) {
        at = text.charCodeAt(at) === MINUS ? this.endOfLine(at) : this.endOfComment(at)
        if (at < 0) {
          this.fail('a comment that does not end')
          return
        }
      } else break
    }
    this.shape += text.slice(this.kept, from)
    if (this.shape !== '' && at < this.length) this.shape += ' '
    this.kept = at
    this.at = at
  }

  private endOfLine(from: number): number {
    let at = from
    while (at < this.length && !isNewline(this.text.charCodeAt(at))) {
      at++
    }
    return at
  }

  private endOfComment(from: number): number {
    const { text, length } = this
    let depth = 0
    let at = from
    while (at + 1 < length) {
      const code = text.charCodeAt(at)
      const next = text.charCodeAt(at + 1)
      if (code === SLASH && next === STAR) {
        depth++
        at += 2
      } else if (code === STAR && next === SLASH) {
        depth--
        at += 2
        if (depth === 0) return at
      } else at++
    }
    return -1
  }

  private passPrefixed(code: number): void {
    const next = this.code(this.at + 1)
    const lower = code | 32
    if (next === QUOTE && lower !== LOWER_U) {
      this.takePrefixedString(lower)
      return
    }
    if (next === AMPERSAND && lower === LOWER_U) {
      const after = this.code(this.at + 2)
      if (after === QUOTE || after === DOUBLE_QUOTE) {
        this.takeUnicode(after)
        return
      }
    }
    this.passWord()
  }

  private takePrefixedString(lower: number): void {
    const start = this.at
    const open = start + 1
    if (lower === LOWER_E) this.take('escape-string', start, this.endOfString(open, 'escapes'))
    else if (lower === LOWER_N) this.takePlain('national-string', start, open)
    else this.take(lower === LOWER_B ? 'bits' : 'hex-bits', start, this.endOfString(open, 'bits'))
  }

  /** UESCAPE changes what the escapes before it mean. Nobody writes it, so it is not understood. */
  private takeUnicode(quote: number): void {
    const start = this.at
    if (quote === QUOTE) this.takePlain('unicode-string', start, start + 2)
    else {
      this.at = start + 2
      this.passQuotedWord()
    }
    if (this.trouble === null && this.comesUescape()) this.fail('UESCAPE')
  }

  private comesUescape(): boolean {
    let at = this.at
    for (;;) {
      if (isBlank(this.code(at))) at++
      else if (this.isComment(at)) {
        at = this.text.charCodeAt(at) === MINUS ? this.endOfLine(at) : this.endOfComment(at)
        if (at < 0) return false
      } else return this.text.slice(at, at + 7).toLowerCase() === 'uescape'
    }
  }

  /** A string in which a backslash is an escape or not, as `standard_conforming_strings` says. */
  private takePlain(kind: LiteralKind & keyof typeof PLACEHOLDER, start: number, open: number): void {
    const end = this.endOfString(open, 'plain')
    if (end > 0 && this.backslashQuotes && hasBackslash(this.text, open, end)) {
      this.fail('a backslash in a string, which a setting gives its meaning')
      return
    }
    this.take(kind, start, end)
  }

  private take(kind: keyof typeof PLACEHOLDER, start: number, end: number): void {
    if (end < 0) {
      this.fail('a string that does not end')
      return
    }
    this.replace(kind, start, end, PLACEHOLDER[kind])
  }

  private replace(kind: LiteralKind, start: number, end: number, placeholder: string): void {
    this.literals.push({ kind, start, end })
    this.shape += this.kept < start ? this.text.slice(this.kept, start) + placeholder : placeholder
    this.kept = end
    this.at = end
    if (this.shape.length > this.maxShapeLength) this.fail('it is too long to be read')
  }

  /** Past the closing quote of what opens at `open`, continuations on further lines included; or -1. */
  private endOfString(open: number, inside: StringRules): number {
    let end = this.endOfPiece(open, inside)
    while (end > 0) {
      const next = this.continuation(end)
      if (next < 0) break
      end = this.endOfPiece(next, inside)
    }
    return end
  }

  private endOfPiece(open: number, inside: StringRules): number {
    const { text, length } = this
    let at = open + 1
    while (at < length) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        if (inside === 'bits' || this.code(at + 1) !== QUOTE) return at + 1
        at += 2
      } else if (code === BACKSLASH && inside === 'escapes') at += 2
      else at++
    }
    return -1
  }

  /** The quote that carries on a string: only whitespace with a newline and `--` comments stand between. */
  private continuation(end: number): number {
    let newline = false
    for (let at = end; at < this.length; ) {
      const code = this.text.charCodeAt(at)
      if (isBlank(code)) {
        newline ||= isNewline(code)
        at++
      } else if (code === MINUS && this.code(at + 1) === MINUS) at = this.endOfLine(at)
      else return code === QUOTE && newline ? at : -1
    }
    return -1
  }

  private passOther(code: number): void {
    if (code === QUOTE) this.takePlain('string', this.at, this.at)
    else if (code === DOUBLE_QUOTE) this.passQuotedWord()
    else if (code === DOLLAR) this.passDollar()
    else if (code === DOT) this.passDot()
    else if ((code === MINUS || code === SLASH) && this.isComment(this.at)) this.dropBlank(this.at)
    else this.at++
  }

  private passQuotedWord(): void {
    const { text, length } = this
    const open = text.indexOf('"', this.at)
    let at = open + 1
    while (at < length) {
      const code = text.charCodeAt(at)
      if (code !== DOUBLE_QUOTE) at++
      else if (this.code(at + 1) === DOUBLE_QUOTE) at += 2
      else {
        if (at === open + 1) this.fail('an empty name')
        else this.at = at + 1
        return
      }
    }
    this.fail('a quoted name that does not end')
  }

  /** `..` is one operator; `.5` is a number. */
  private passDot(): void {
    const next = this.code(this.at + 1)
    if (next === DOT) this.at += 2
    else if (isDigit(next)) this.takeNumber(this.at)
    else this.at++
  }

  private passDollar(): void {
    const start = this.at
    let at = start + 1
    if (isDigit(this.code(at))) {
      while (isDigit(this.code(at))) at++
      if (at - start > 9) {
        this.fail('a parameter out of range')
        return
      }
      if (isWordStart(this.code(at))) {
        this.fail('letters right behind a parameter')
        return
      }
      this.at = at
      return
    }
    if (isWordStart(this.code(at))) while (isWordPart(this.code(at)) && this.code(at) !== DOLLAR) at++
    if (this.code(at) !== DOLLAR) {
      this.fail('a dollar sign on its own')
      return
    }
    const tag = this.text.slice(start, at + 1)
    const close = this.text.indexOf(tag, at + 1)
    if (close < 0) {
      this.fail('a string that does not end')
      return
    }
    this.take('dollar-string', start, close + tag.length)
  }

  private takeNumber(start: number): void {
    const second = this.code(start + 1) | 32
    if (this.code(start) === ZERO && (second === LOWER_X || second === LOWER_O || second === LOWER_B)) {
      this.takePrefixedNumber(start)
      return
    }
    const whole = this.endOfDigits(start)
    const end = this.endOfExponent(this.endOfFraction(whole))
    if (end < 0 || !this.standsAlone(end)) return
    if (end > whole) this.replace('number', start, end, this.code(start) === DOT ? '.0' : '1.0')
    else if (end - start <= DECIMAL_DIGITS) this.replace('integer', start, end, '1')
    else this.replace('number', start, end, '11111111111')
  }

  /** `1..2` is two numbers with an operator between them. */
  private endOfFraction(at: number): number {
    return this.code(at) === DOT && this.code(at + 1) !== DOT ? this.endOfDigits(at + 1) : at
  }

  private endOfExponent(at: number): number {
    if ((this.code(at) | 32) !== LOWER_E) return at
    const sign = this.code(at + 1)
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1
    if (isDigit(this.code(digits))) return this.endOfDigits(digits)
    this.fail('letters right behind a number')
    return -1
  }

  /** Whether a number ends here; a dollar sign behind it is an error or a parameter, as versions have it. */
  private standsAlone(end: number): boolean {
    const next = this.code(end)
    if (next === DOLLAR) this.fail('a dollar sign right behind a number')
    else if (isWordPart(next)) this.fail('letters right behind a number')
    return this.trouble === null
  }

  /** Digits with single underscores between them. */
  private endOfDigits(from: number): number {
    const { text, length } = this
    let at = from
    while (at < length) {
      const code = text.charCodeAt(at)
      if (code >= ZERO && code <= NINE) at++
      else if (code === UNDERSCORE && at > from && isDigit(this.code(at + 1))) at++
      else break
    }
    return at
  }

  private takePrefixedNumber(start: number): void {
    const base = this.code(start + 1) | 32
    let at = start + 2
    for (;;) {
      const code = this.code(at)
      if (isDigitOf(base, code)) at++
      else if (code === UNDERSCORE && isDigitOf(base, this.code(at + 1))) at++
      else break
    }
    if (at === start + 2) this.fail('letters right behind a number')
    if (!this.standsAlone(at)) return
    if (at - start - 2 <= PREFIXED_DIGITS) this.replace('integer', start, at, '0x1')
    else this.replace('number', start, at, '0x11111111111')
  }

  private fail(reason: string): void {
    this.trouble ??= reason
    this.at = this.length
  }
}

function isBlank(code: number): boolean {
  return code === SPACE || (code >= 9 && code <= RETURN)
}

function isNewline(code: number): boolean {
  return code === NEWLINE || code === RETURN
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

function isDigitOf(base: number, code: number): boolean {
  if (base === LOWER_B) return code === ZERO || code === ZERO + 1
  if (base === LOWER_O) return code >= ZERO && code < ZERO + 8
  return isDigit(code) || ((code | 32) >= 97 && (code | 32) <= 102 && code >= 65)
}

function isWordStart(code: number): boolean {
  if (code >= 128) return true
  return code === UNDERSCORE || ((code | 32) >= 97 && (code | 32) <= 122 && code >= 65)
}

function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code) || code === DOLLAR
}

function hasBackslash(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (text.charCodeAt(at) === BACKSLASH) return true
  return false
}

/** What does not reach the server as it is written: it ends at a NUL, and half a pair becomes U+FFFD. */
function whyNotSent(text: string): string | null {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0) return 'a NUL character'
    if (code < 0xd800 || code > 0xdfff) continue
    const next = at + 1 < text.length ? text.charCodeAt(at + 1) : 0
    if (code > 0xdbff || next < 0xdc00 || next > 0xdfff) return 'half of a surrogate pair'
    at++
  }
  return null
}
