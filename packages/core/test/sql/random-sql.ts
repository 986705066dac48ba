import { Random } from '../../../../test/random.js'

/** Texts made to trip a lexer, from one stream of chance: the same seed gives the same text. */
export class RandomSql extends Random {
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** Pieces of SQL thrown together, most of it no SQL at all. */
  soup(pieces: number): string {
    return Array.from({ length: this.below(pieces) + 1 }, () => this.pick(SOUP)).join('')
  }

  /** A statement that parses, full of literals and comments, and another text of the same shape. */
  twins(): [string, string] {
    const parts = Array.from({ length: this.below(6) + 1 }, () => this.pick(TEMPLATES))
    const render = (): string => `select ${parts.map((part) => this.fill(part)).join(', ')} from t`
    return [render(), render()]
  }

  private fill(template: string): string {
    return template
      .replaceAll('~s', () =>
        this.pick(["'a'", "''", "'it''s -- no'", "'/*'", "'ä\"€😀'", "'a'\n'$$'", "'\\'"]),
      )
      .replaceAll('~e', () => this.pick(["E'a'", "e'\\''", "E'\\\\'", "E'-- ''\\''"]))
      .replaceAll('~d', () => this.pick(['$$a$$', "$q$ ' $$ $q$", '$ä$-- /*$ä$', '$$$$']))
      .replaceAll('~i', () => this.pick(['1', '42', '0', '999999999']))
      .replaceAll('~n', () => this.pick(['1.5', '10.', '1e10', '2.5E-3']))
      .replaceAll('~x', () => this.pick(["b'01'", "B'1'", "b''"]))
      .replaceAll('~_', () => this.pick([' ', '\n', ' /* c */ ', '/* /* \' */ " */', '-- $$ \n', "\t-- '\r"]))
  }
}

const TEMPLATES = [
  '~s',
  '~_~s~_',
  '~e',
  '~d~_',
  '~_~i + ~_~i',
  '~n * ~_ -~i',
  '- ~_~i',
  'a~_=~_~s and~_b in (~i,~_~i)',
  'a~_= any($1) or~_ä = ~s',
  '"x ""y" || ~s',
  '(a, b) = (~i, ~s::text)',
  'case~_when a~_>=~_~n then~_~x end',
  '(select~_1 from u where u.id = ~i and u.ü = -~i~_limit ~i)',
]

const SOUP = [
  "'",
  "''",
  "'a'",
  "'a'\n'b'",
  '\n',
  '\r',
  ' ',
  '\t',
  '"',
  '"a"',
  '""',
  "E'",
  "e'\\'",
  '\\',
  "U&'",
  'U&"',
  "b'0'",
  "x'",
  "N'a'",
  '$',
  '$$',
  '$a$',
  '$1',
  '$1$',
  'a$',
  'ä',
  '€',
  '😀',
  '--',
  '/*',
  '*/',
  '/',
  '*',
  '-',
  '+',
  '@',
  '=',
  '<',
  '::',
  ':=',
  '.',
  '..',
  '1',
  '0',
  '12',
  '1.5',
  '.5',
  '5.',
  '1e5',
  '1e',
  '0x1F',
  '0x',
  '0b1',
  '0o7',
  '1_0',
  '_',
  'a',
  'e',
  'u',
  'u&',
  'select',
  'n',
  'x',
  ';',
  ',',
  '(',
  ')',
  '[',
  ']',
  '123456789012',
  "'x' -- c\n 'y'",
] as const
