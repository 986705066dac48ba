import type { FastifySchemaValidationError } from 'fastify/types/schema.js'

/** What is wrong with a request, in a sentence that says what would be right. */
export function describeSchemaError(error: FastifySchemaValidationError | undefined, where: string): string {
  const place = where === 'querystring' ? 'the query' : where === 'body' ? 'the body' : `the ${where}`
  const { keyword, params = {}, instancePath = '', message = 'is not as it should be' } = error ?? {}
  const field = instancePath.slice(1).replaceAll('/', '.')
  if (keyword === 'required') return `"${params.missingProperty}" is missing in ${place}.`
  if (keyword === 'additionalProperties')
    return `There is no "${params.additionalProperty}" in ${place} of this route.`
  if (keyword === 'enum') return `"${field}" takes one of ${[params.allowedValues].flat().join(', ')}.`
  if (keyword === 'pattern') return `"${field}" is not written as it should be; /docs shows how.`
  return `${field === '' ? capital(place) : `"${field}" in ${place}`} ${message}.`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
