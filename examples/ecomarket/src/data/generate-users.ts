import { FAMILY_NAMES, GIVEN_NAMES, MAIL_DOMAINS, PLACES, type Place } from './people.js'
import { pick, type Random, wholeBetween } from './random.js'
import type { User } from './user.js'
import { weightedChoice, zipfChoice } from './weighted-choice.js'

const OPENED_MS = Date.UTC(2021, 2, 1)
const TODAY_MS = Date.UTC(2026, 0, 1)

/** `count` buyers with ids from 1, in the order in which they joined; no two share an e-mail address. */
export function generateUsers(random: Random, count: number): User[] {
  const chooseGiven = zipfChoice(GIVEN_NAMES.length, 0.6)
  const chooseFamily = zipfChoice(FAMILY_NAMES.length, 0.6)
  const choosePlace = weightedChoice(PLACES.map((place) => place.weight))
  const taken = new Set<string>()
  return Array.from({ length: count }, (_, index): User => {
    const given = GIVEN_NAMES[chooseGiven(random)] as string
    const family = FAMILY_NAMES[chooseFamily(random)] as string
    const { city, country } = PLACES[choosePlace(random)] as Place
    return {
      id: index + 1,
      email: freeAddress(random, given, family, taken),
      name: `${given} ${family}`,
      city,
      country,
      createdAt: joinedAt(random, index, count),
    }
  })
}

/** The square root makes the marketplace grow: half of its users joined in its last third. */
function joinedAt(random: Random, index: number, count: number): string {
  const share = Math.sqrt((index + random()) / count)
  return new Date(OPENED_MS + Math.floor(share * (TODAY_MS - OPENED_MS))).toISOString()
}

/** What people do when their name is taken: a year of birth, and then anything at all. */
function freeAddress(random: Random, given: string, family: string, taken: Set<string>): string {
  const name = `${toAscii(given)}.${toAscii(family)}`
  const domain = pick(random, MAIL_DOMAINS)
  let address = `${name}@${domain}`
  for (let tries = 0; taken.has(address); tries++) {
    const number = tries < 3 ? wholeBetween(random, 1950, 2007) : wholeBetween(random, 1, 99_999)
    address = `${name}${number}@${domain}`
  }
  taken.add(address)
  return address
}

/** Letters that do not come apart into a plain letter and its mark. */
const WHOLE_LETTERS: Readonly<Record<string, string>> = { ø: 'o', ł: 'l', ı: 'i', ß: 'ss' }

function toAscii(name: string): string {
  return name
    .toLowerCase()
    .replace(/[øłıß]/g, (letter) => WHOLE_LETTERS[letter] ?? '')
    .normalize('NFD')
    .replace(/[^a-z]/g, '')
}
