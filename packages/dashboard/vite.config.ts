import { defineConfig } from 'vite'

/** Everything the page needs is in dist/; nothing is small enough to be put into the document (CSP). */
export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  logLevel: 'warn',
})
