import type { Fields } from './parser.js'
import type { ShapeLiterals } from './shape-literals.js'
import type { ValueRef } from './statement-facts.js'
import { asNode, listOf, nameOf } from './tree.js'

/** The value an expression certainly is: a parameter or a literal, with one cast at most; else null. */
export function valueRefOf(node: unknown, literals: ShapeLiterals): ValueRef | null {
  const cast = asNode(node, 'TypeCast')
  if (cast === null) return plainValueRefOf(node, literals)
  const type = typeOf(cast)
  const value = plainValueRefOf(cast.arg, literals)
  return type === null || type.array || value === null ? null : { ...value, type: type.name }
}

/** The values of which a column equals one in `= ANY(…)`; null when they cannot be named. */
export function anyValueRefsOf(node: unknown, literals: ShapeLiterals): ValueRef[] | null {
  const cast = asNode(node, 'TypeCast')
  if (cast === null) return plainAnyValueRefsOf(node, literals)
  const type = typeOf(cast)
  const values = plainAnyValueRefsOf(cast.arg, literals)
  if (type === null || !type.array || values === null) return null
  if (values.some((value) => value.type !== null)) return null
  return values.map((value) => ({ ...value, type: type.name }))
}

/** All of them as values, or null if one is not. */
export function allValueRefsOf(nodes: readonly unknown[], literals: ShapeLiterals): ValueRef[] | null {
  const values = nodes.map((node) => valueRefOf(node, literals))
  return values.every((value) => value !== null) ? values : null
}

function plainAnyValueRefsOf(node: unknown, literals: ShapeLiterals): ValueRef[] | null {
  const array = asNode(node, 'A_ArrayExpr')
  if (array !== null) return allValueRefsOf(listOf(array.elements), literals)
  const value = plainValueRefOf(node, literals)
  return value === null ? null : [{ ...value, array: true }]
}

function plainValueRefOf(node: unknown, literals: ShapeLiterals): ValueRef | null {
  const parameter = asNode(node, 'ParamRef')
  if (parameter !== null && typeof parameter.number === 'number')
    return { kind: 'parameter', index: parameter.number, negative: false, type: null, array: false }
  const constant = asNode(node, 'A_Const')
  if (constant === null || constant.isnull !== undefined || constant.boolval !== undefined) return null
  const found = literals.find(constant.location)
  return found === null ? null : { kind: 'literal', ...found, type: null, array: false }
}

/** The type of a cast that does not change a value beyond reading it: without a length or a scale. */
function typeOf(cast: Fields): { name: string; array: boolean } | null {
  const type = cast.typeName
  if (typeof type !== 'object' || type === null) return null
  const fields = type as Fields
  if (fields.typmods !== undefined) return null
  const { schema, name } = nameOf(fields.names)
  return {
    name: schema === null || schema === 'pg_catalog' ? name : `${schema}.${name}`,
    array: fields.arrayBounds !== undefined,
  }
}
