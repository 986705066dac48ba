/** Where buyers live, with the share each city has of them. */
export interface Place {
  city: string
  country: string
  weight: number
}

/** Common ones first: they are chosen by rank. */
export const GIVEN_NAMES: readonly string[] = [
  ...['Anna', 'Maria', 'Lukas', 'Emma', 'Thomas', 'Sofia', 'Peter', 'Laura', 'Martin', 'Julia', 'Jan', 'Eva'],
  ...['David', 'Lena', 'Marco', 'Clara', 'Paul', 'Elena', 'Hugo', 'Alice', 'Oscar', 'Nina', 'Felix', 'Ida'],
  ...['Léa', 'Chloé', 'José', 'Zoë', 'Jürgen', 'Björn', 'Søren', 'Łukasz', 'Małgorzata', 'Zuzana', 'Ana'],
  ...['Inês', 'João', 'Giulia', 'Matteo', 'Francesca', 'Lorenzo', 'Saoirse', 'Ciarán', 'Aoife', 'Freya'],
  ...['Astrid', 'Elin', 'Mikko', 'Aino', 'Kaisa', 'Jakub', 'Katarzyna', 'Piotr', 'Tomáš', 'Petra', 'Ilona'],
  ...['Bence', 'Réka', 'Andrei', 'Ioana', 'Dimitra', 'Nikos', 'Yasmin', 'Mehmet', 'Leyla', 'Samir', 'Amina'],
  ...['Fatima', 'Kofi', 'Ngozi', 'Priya', 'Arjun', 'Mei', 'Hiro', 'Linh', 'Camila', 'Mateo', 'Noor', 'Sven'],
]

/** Common ones first: they are chosen by rank. */
export const FAMILY_NAMES: readonly string[] = [
  ...['Müller', 'Schmidt', 'Martin', 'Rossi', 'García', 'Novak', 'Jansen', 'Nielsen', 'Kowalski', 'Silva'],
  ...['Weber', 'Bernard', 'Ferrari', 'Fernández', 'Svoboda', 'de Vries', 'Hansen', 'Nowak', 'Santos', 'Nagy'],
  ...['Fischer', 'Dubois', 'Russo', 'López', 'Horvat', 'Bakker', 'Andersen', 'Wiśniewski', 'Ferreira'],
  ...['Wagner', 'Laurent', 'Bianchi', 'Sánchez', 'Dvořák', 'Visser', 'Larsen', 'Wójcik', 'Costa', 'Szabó'],
  ...['Becker', 'Moreau', 'Romano', 'Pérez', 'Černý', 'Smit', 'Johansson', 'Lewandowski', 'Oliveira'],
  ...['Hoffmann', 'Lefèvre', 'Colombo', 'Gómez', 'Kučera', 'Meijer', 'Karlsson', 'Zieliński', 'Sousa'],
  ...['O’Brien', 'Murphy', 'Kelly', 'Byrne', 'Virtanen', 'Korhonen', 'Mäkinen', 'Papadopoulos', 'Ionescu'],
  ...['Popescu', 'Yılmaz', 'Demir', 'Haddad', 'Okafor', 'Mensah', 'Sharma', 'Patel', 'Nguyen', 'Tanaka'],
]

export const PLACES: readonly Place[] = [
  { city: 'Berlin', country: 'DE', weight: 37 },
  { city: 'Madrid', country: 'ES', weight: 33 },
  { city: 'Roma', country: 'IT', weight: 28 },
  { city: 'Paris', country: 'FR', weight: 22 },
  { city: 'Wien', country: 'AT', weight: 20 },
  { city: 'Hamburg', country: 'DE', weight: 19 },
  { city: 'Warszawa', country: 'PL', weight: 18 },
  { city: 'Budapest', country: 'HU', weight: 17 },
  { city: 'București', country: 'RO', weight: 17 },
  { city: 'Barcelona', country: 'ES', weight: 16 },
  { city: 'München', country: 'DE', weight: 15 },
  { city: 'Milano', country: 'IT', weight: 14 },
  { city: 'Praha', country: 'CZ', weight: 13 },
  { city: 'Köln', country: 'DE', weight: 11 },
  { city: 'Stockholm', country: 'SE', weight: 10 },
  { city: 'Amsterdam', country: 'NL', weight: 9 },
  { city: 'Marseille', country: 'FR', weight: 9 },
  { city: 'Zagreb', country: 'HR', weight: 8 },
  { city: 'Kraków', country: 'PL', weight: 8 },
  { city: 'Athina', country: 'GR', weight: 7 },
  { city: 'Helsinki', country: 'FI', weight: 7 },
  { city: 'Rotterdam', country: 'NL', weight: 7 },
  { city: 'København', country: 'DK', weight: 6 },
  { city: 'Dublin', country: 'IE', weight: 6 },
  { city: 'Lisboa', country: 'PT', weight: 5 },
  { city: 'Lyon', country: 'FR', weight: 5 },
  { city: 'Göteborg', country: 'SE', weight: 5 },
  { city: 'Gent', country: 'BE', weight: 3 },
  { city: 'Ljubljana', country: 'SI', weight: 3 },
  { city: 'Porto', country: 'PT', weight: 2 },
]

/** Reserved for examples by RFC 2606: no mail can reach a stranger. */
export const MAIL_DOMAINS: readonly string[] = [
  'mail.example',
  'post.example',
  'inbox.example',
  'example.org',
  'example.net',
]
