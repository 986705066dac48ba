import { expect, test } from 'vitest'
import { type LiteralKind, lexStatement } from '../../src/sql/index.js'

const lex = (text: string, backslashQuotes = false) => lexStatement(text, { backslashQuotes })

/** What the lexer took out, as it is written in the text. */
const taken = (text: string) => lex(text).literals.map(({ start, end }) => text.slice(start, end))

const U = '\\u0041'

test.each<[string, string]>([
  ['select 1', 'select 1'],
  ['select 42', 'select 1'],
  ['select 1, 2', 'select 1, 1'],
  ["select 'a'", "select 'x'"],
  ["select ''", "select 'x'"],
  ["select 'it''s'", "select 'x'"],
  ["select 'a'\n'b'", "select 'x'"],
  ["select 'a' -- more\n \t 'b'", "select 'x'"],
  ["select 'a' 'b'", "select 'x' 'x'"],
  ["select 'a' /* \n */ 'b'", "select 'x' 'x'"],
  ["select 'a'\r'b'", "select 'x'"],
  ["select 'a\\'", "select 'x'"],
  ["select e'it\\'s'", "select E'x'"],
  ["select E'\\\\'", "select E'x'"],
  ["select E'a'\n'\\''", "select E'x'"],
  [`select U&'${U}'`, "select U&'x'"],
  ["select n'a'", "select N'x'"],
  ["select b'01', X'1F'", "select b'0', x'0'"],
  ['select $$a$$', 'select $$x$$'],
  ["select $t$ $$ 'a -- $t$", 'select $$x$$'],
  ['select $a$ $b$ $$a$', 'select $$x$$'],
  ['select a$1$', 'select a$1$'],
  ['select a$$b$$', 'select a$$b$$'],
  ['select $1, $22', 'select $1, $22'],
  ['select $1::int', 'select $1::int'],
  ['select 5::int', 'select 1::int'],
  ['select -5', 'select -1'],
  ['select 1--5', 'select 1'],
  ['select 1- -5', 'select 1- -1'],
  ['select 1-/* */-5', 'select 1- -1'],
  ['select @-5', 'select @-1'],
  ['select 1.5', 'select 1.0'],
  ['select .5', 'select .0'],
  ['select 5.', 'select 1.0'],
  ['select 1e5, 1.5E-3', 'select 1.0, 1.0'],
  ['select a[1..10]', 'select a[1..1]'],
  ['select 0x1F, 0o17, 0b11', 'select 0x1, 0x1, 0x1'],
  ['select 1_000', 'select 1'],
  ['select 9999999999', 'select 11111111111'],
  ['select t.a, t.*, 1.5.5', 'select t.a, t.*, 1.0.0'],
  ['select e1, x1, u1, b1, n1', 'select e1, x1, u1, b1, n1'],
  ['select a1, _2, ä3', 'select a1, _2, ä3'],
  ['select "a""1"', 'select "a""1"'],
  ['select "-- 1", U&"\\0041"', 'select "-- 1", U&"\\0041"'],
  ['select u & 1', 'select u & 1'],
  ["select name'x'", "select name'x'"],
  ["select interval'1 day'", "select interval'x'"],
])('%j has the shape %j', (text, shape) => {
  expect(lex(text)).toMatchObject({ shape, ambiguous: null })
})

test.each<[string, string]>([
  ['  select   1  ', 'select 1'],
  ['select\n\t1', 'select 1'],
  ['select -- one\n1', 'select 1'],
  ['select -- one\r1', 'select 1'],
  ['select 1 -- one', 'select 1'],
  ['select/**/1', 'select 1'],
  ['/* a /* b */ c */ select 1', 'select 1'],
  ["select /* 'a' */ 1", 'select 1'],
  ['select 1 /***/ + /* ** / */ 2', 'select 1 + 1'],
  ['select 1 */* c */ 2', 'select 1 * 1'],
  ['select 1 //* c */ 2', 'select 1 / 1'],
  ['select 1 +-- c\n2', 'select 1 + 1'],
  ['', ''],
  [' -- nothing', ''],
  ['"a  b"  "c"', '"a  b" "c"'],
  ['select\u00a01', 'select\u00a01'],
])('comments and needless space leave %j as %j', (text, shape) => {
  expect(lex(text)).toMatchObject({ shape, ambiguous: null })
})

test.each<[LiteralKind, string]>([
  ['string', "'a'"],
  ['escape-string', "E'a'"],
  ['unicode-string', "U&'a'"],
  ['national-string', "N'a'"],
  ['dollar-string', '$$a$$'],
  ['bits', "B'1'"],
  ['hex-bits', "X'1'"],
  ['integer', '1'],
  ['number', '1.5'],
])('a literal of kind %s has a shape of its own', (kind, literal) => {
  const { shape, literals } = lex(`select ${literal}`)
  expect(literals).toEqual([{ kind, start: 7, end: 7 + literal.length }])
  const others = ["'a'", "E'a'", "U&'a'", "N'a'", '$$a$$', "B'1'", "X'1'", '1', '1.5'].filter(
    (o) => o !== literal,
  )
  expect(others.map((other) => lex(`select ${other}`).shape)).not.toContain(shape)
})

test('spans tell where each literal stands in the text', () => {
  expect(taken("select 'ä' /* 9 */, -7 from t where a = $1 and b = 'c'\n'd'")).toEqual([
    "'ä'",
    '7',
    "'c'\n'd'",
  ])
})

test.each([
  "select 'a",
  'select "a',
  "select E'a\\'",
  'select $$a$',
  'select $a$ $b$',
  'select /* /* */',
  'select $a',
  'select $',
  'select 1a',
  'select 1e',
  'select 0x',
  'select 1__0',
  'select $1a',
  'select \0',
  "select 'a\0'",
  'select /* \0 */ 1',
  "select '\ud800'",
  "select '\udc00a'",
  "select U&'d!0061' UESCAPE '!'",
  'select U&"d!0061" uescape \'!\'',
  "select U&'a' /* */ -- \n UEscape '!'",
])('%j is not understood', (text) => {
  expect(lex(text).ambiguous).toEqual(expect.any(String))
})

test.each(["select '\\'", "select 'a\\b'", "select N'\\'", "select U&'\\0041'", "select 'a'\n'\\'"])(
  '%j is ambiguous where a setting may make its backslash an escape',
  (text) => {
    expect(lex(text).ambiguous).toBeNull()
    expect(lex(text, true).ambiguous).toEqual(expect.any(String))
  },
)

test.each(["select 'a'", "select E'\\''", 'select $$\\$$', 'select "\\"', "select 'a' -- \\"])(
  '%j says the same whatever the setting',
  (text) => {
    expect(lex(text, true)).toEqual(lex(text))
  },
)

test('whole pairs of surrogates are characters like others', () => {
  expect(lex('select \'😀\', "😀"')).toMatchObject({ shape: 'select \'x\', "😀"', ambiguous: null })
})
