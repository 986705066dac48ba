/** A kind of product: what it is, in which versions, and what it costs about. */
export interface Good {
  noun: string
  versions: readonly string[]
  /** A usual price in cents; the largest version costs the most. */
  usualPriceCents: number
}

export interface Category {
  name: string
  /** The share of the catalogue it fills. */
  weight: number
  qualities: readonly string[]
  goods: readonly Good[]
}

export const MAKERS: readonly string[] = [
  ...['Alderbrook', 'Birkenhof', 'Casa Verde', 'Dunwell', 'Erdenlieb', 'Fjordlys', 'Grünwerk', 'Hazelmoor'],
  ...[
    'Isola',
    'Juniper & Rye',
    'Kornblume',
    'Loom Street',
    'Maison Tilleul',
    'Northfold',
    'Olivar',
    'Pebble',
  ],
]

export const CATEGORIES: readonly Category[] = [
  {
    name: 'pantry',
    weight: 20,
    qualities: ['organic', 'fair-trade', 'stone-ground', 'small-batch', 'wild'],
    goods: [
      { noun: 'olive oil', versions: ['250 ml', '500 ml', '1 l'], usualPriceCents: 1190 },
      { noun: 'forest honey', versions: ['250 g', '500 g'], usualPriceCents: 790 },
      { noun: 'rolled oats', versions: ['500 g', '1 kg', '5 kg'], usualPriceCents: 390 },
      { noun: 'espresso beans', versions: ['250 g', '1 kg'], usualPriceCents: 1490 },
      { noun: 'green tea', versions: ['50 g', '100 g'], usualPriceCents: 690 },
      { noun: 'red lentils', versions: ['500 g', '1 kg'], usualPriceCents: 320 },
      { noun: 'dark chocolate 85 %', versions: ['100 g', 'box of 10'], usualPriceCents: 450 },
    ],
  },
  {
    name: 'body-care',
    weight: 16,
    qualities: ['unscented', 'lavender', 'calendula', 'vegan', 'palm-oil-free'],
    goods: [
      { noun: 'bar soap', versions: ['100 g', 'set of 3'], usualPriceCents: 520 },
      { noun: 'solid shampoo', versions: ['60 g', '90 g'], usualPriceCents: 890 },
      { noun: 'hand cream', versions: ['50 ml', '100 ml'], usualPriceCents: 990 },
      { noun: 'tooth tablets', versions: ['60 pieces', '240 pieces'], usualPriceCents: 690 },
      { noun: 'safety razor', versions: ['single', 'with 10 blades'], usualPriceCents: 2790 },
    ],
  },
  {
    name: 'kitchen',
    weight: 15,
    qualities: ['bamboo', 'cast-iron', 'recycled-glass', 'beechwood', 'stainless-steel'],
    goods: [
      { noun: 'chopping board', versions: ['small', 'medium', 'large'], usualPriceCents: 2490 },
      { noun: 'storage jar', versions: ['0.5 l', '1 l', '2 l'], usualPriceCents: 890 },
      { noun: 'lunch box', versions: ['one tier', 'two tiers'], usualPriceCents: 2190 },
      { noun: 'skillet', versions: ['20 cm', '24 cm', '28 cm'], usualPriceCents: 4990 },
      { noun: 'utensil set', versions: ['4 pieces', '7 pieces'], usualPriceCents: 1790 },
      { noun: 'dish brush', versions: ['single', 'with 2 heads'], usualPriceCents: 590 },
    ],
  },
  {
    name: 'cleaning',
    weight: 11,
    qualities: ['concentrated', 'citrus', 'unscented', 'refill', 'plastic-free'],
    goods: [
      { noun: 'laundry sheets', versions: ['32 washes', '64 washes'], usualPriceCents: 1090 },
      { noun: 'dishwasher tabs', versions: ['25 pieces', '80 pieces'], usualPriceCents: 790 },
      { noun: 'all-purpose cleaner', versions: ['500 ml', '5 l'], usualPriceCents: 490 },
      { noun: 'cellulose sponges', versions: ['pack of 4', 'pack of 12'], usualPriceCents: 450 },
    ],
  },
  {
    name: 'textiles',
    weight: 13,
    qualities: ['linen', 'organic-cotton', 'hemp', 'merino', 'recycled-wool'],
    goods: [
      { noun: 'bath towel', versions: ['50 × 100 cm', '70 × 140 cm'], usualPriceCents: 2290 },
      { noun: 'duvet cover', versions: ['135 × 200 cm', '200 × 200 cm'], usualPriceCents: 7900 },
      { noun: 'throw', versions: ['grey', 'ochre', 'moss'], usualPriceCents: 6490 },
      { noun: 'tea towels', versions: ['pair', 'set of 4'], usualPriceCents: 1490 },
      { noun: 'socks', versions: ['36-39', '40-43', '44-47'], usualPriceCents: 1290 },
    ],
  },
  {
    name: 'garden',
    weight: 12,
    qualities: ['heirloom', 'peat-free', 'hand-forged', 'biodegradable', 'hardy'],
    goods: [
      { noun: 'tomato seeds', versions: ['20 seeds', '100 seeds'], usualPriceCents: 340 },
      { noun: 'potting soil', versions: ['10 l', '40 l'], usualPriceCents: 890 },
      { noun: 'hand trowel', versions: ['narrow', 'wide'], usualPriceCents: 1990 },
      { noun: 'plant pots', versions: ['set of 6', 'set of 12'], usualPriceCents: 1190 },
      { noun: 'wildflower mix', versions: ['5 m²', '20 m²'], usualPriceCents: 690 },
    ],
  },
  {
    name: 'outdoors',
    weight: 7,
    qualities: ['recycled', 'waxed-canvas', 'insulated', 'ultralight'],
    goods: [
      { noun: 'water bottle', versions: ['0.5 l', '0.75 l', '1 l'], usualPriceCents: 2490 },
      { noun: 'daypack', versions: ['16 l', '24 l'], usualPriceCents: 8900 },
      { noun: 'rain jacket', versions: ['S', 'M', 'L', 'XL'], usualPriceCents: 14900 },
      { noun: 'camping mug', versions: ['single', 'pair'], usualPriceCents: 1490 },
    ],
  },
  {
    name: 'stationery',
    weight: 6,
    qualities: ['recycled-paper', 'stone-paper', 'refillable', 'cork-bound'],
    goods: [
      { noun: 'notebook', versions: ['A6', 'A5', 'A4'], usualPriceCents: 990 },
      { noun: 'fountain pen', versions: ['fine', 'medium'], usualPriceCents: 3290 },
      { noun: 'coloured pencils', versions: ['12 pieces', '24 pieces'], usualPriceCents: 1690 },
    ],
  },
]
