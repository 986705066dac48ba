import { serveProxy } from './serve-proxy.js'

await serveProxy()
