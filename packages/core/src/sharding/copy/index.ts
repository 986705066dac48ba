export { CopyError } from './copy-error.js'
export type { ColumnChoice, CopyFormat, CopyKeyColumn } from './copy-format.js'
export type { PlacedKey } from './copy-keys.js'
export { type CopyBlock, CopySplitter, type SplitCopy } from './copy-splitter.js'
