/** The WebAssembly module inside `libpg-query`, of which we use a part; the package types its wrapper only. */
declare module 'libpg-query/wasm/libpg-query.js' {
  interface ParserModule {
    _malloc(bytes: number): number
    _free(pointer: number): void
    _wasm_parse_query_raw(query: number): number
    _wasm_free_parse_result(result: number): void
    lengthBytesUTF8(text: string): number
    stringToUTF8(text: string, pointer: number, maxBytes: number): void
    UTF8ToString(pointer: number): string
    getValue(pointer: number, type: 'i32'): number
  }
  const instantiate: () => Promise<ParserModule>
  export default instantiate
}
