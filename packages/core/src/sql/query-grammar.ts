/**
 * What is done with a field of a node: `ignored` (says nothing about effects), `walked` (a node or a list
 * of nodes), or the name of the node type whose fields stand there bare.
 */
export type FieldRule = 'ignored' | 'walked' | (string & { readonly struct?: never })

/**
 * Every node of a query that is understood, with every field it may have: an allow-list. A node or a field
 * that is not here makes its statement not understood, so a later parser cannot slip something past us.
 *
 * Names follow PostgreSQL's `parsenodes.h` and `primnodes.h`. Those with an entry in `StatementWalk` are
 * looked at there too.
 */
export const QUERY_NODES: Readonly<Record<string, Readonly<Record<string, FieldRule>>>> = {
  // Statements
  SelectStmt: {
    ...fields(
      'walked',
      'distinctClause targetList fromClause whereClause groupClause havingClause windowClause',
    ),
    ...fields('walked', 'valuesLists sortClause limitOffset limitCount'),
    ...fields('ignored', 'groupDistinct limitOption op all lockingClause intoClause'),
    ...fields('SelectStmt', 'larg rarg'),
    withClause: 'WithClause',
  },
  InsertStmt: {
    ...fields('walked', 'cols selectStmt'),
    ...fields('ignored', 'override'),
    relation: 'RangeVar',
    onConflictClause: 'OnConflictClause',
    returningClause: 'ReturningClause',
    withClause: 'WithClause',
  },
  UpdateStmt: {
    ...fields('walked', 'targetList whereClause fromClause'),
    relation: 'RangeVar',
    returningClause: 'ReturningClause',
    withClause: 'WithClause',
  },
  DeleteStmt: {
    ...fields('walked', 'usingClause whereClause'),
    relation: 'RangeVar',
    returningClause: 'ReturningClause',
    withClause: 'WithClause',
  },
  MergeStmt: {
    ...fields('walked', 'sourceRelation joinCondition mergeWhenClauses'),
    relation: 'RangeVar',
    returningClause: 'ReturningClause',
    withClause: 'WithClause',
  },

  // Parts of statements
  WithClause: { ctes: 'walked', ...fields('ignored', 'recursive location') },
  CommonTableExpr: {
    ctequery: 'walked',
    ...fields('ignored', 'ctename aliascolnames ctematerialized search_clause location'),
    cycle_clause: 'CTECycleClause',
  },
  CTECycleClause: {
    ...fields('walked', 'cycle_mark_value cycle_mark_default'),
    ...fields('ignored', 'cycle_col_list cycle_mark_column cycle_path_column location'),
  },
  OnConflictClause: {
    ...fields('walked', 'targetList whereClause'),
    ...fields('ignored', 'action location'),
    infer: 'InferClause',
  },
  InferClause: { ...fields('walked', 'indexElems whereClause'), ...fields('ignored', 'conname location') },
  IndexElem: {
    expr: 'walked',
    ...fields('ignored', 'name indexcolname collation ordering nulls_ordering location'),
  },
  ReturningClause: { exprs: 'walked', options: 'ignored' },
  MergeWhenClause: {
    ...fields('walked', 'condition targetList values'),
    ...fields('ignored', 'matchKind commandType override'),
  },
  ResTarget: { ...fields('walked', 'indirection val'), ...fields('ignored', 'name location') },
  MultiAssignRef: { source: 'walked', ...fields('ignored', 'colno ncolumns') },
  SortBy: { node: 'walked', ...fields('ignored', 'sortby_dir sortby_nulls useOp location') },
  GroupingSet: { content: 'walked', ...fields('ignored', 'kind location') },
  WindowDef: {
    ...fields('walked', 'partitionClause orderClause startOffset endOffset'),
    ...fields('ignored', 'name refname frameOptions location'),
  },

  // What stands in FROM
  RangeVar: { ...fields('ignored', 'catalogname schemaname relname inh relpersistence alias location') },
  JoinExpr: {
    ...fields('walked', 'larg rarg quals'),
    ...fields('ignored', 'jointype isNatural usingClause join_using_alias alias'),
  },
  RangeSubselect: { subquery: 'walked', ...fields('ignored', 'lateral alias') },
  RangeFunction: {
    ...fields('walked', 'functions coldeflist'),
    ...fields('ignored', 'lateral ordinality is_rowsfrom alias'),
  },
  ColumnDef: {
    typeName: 'TypeName',
    collClause: 'ignored',
    ...fields('ignored', 'colname is_local location'),
  },
  RangeTableFunc: {
    ...fields('walked', 'docexpr rowexpr namespaces columns'),
    ...fields('ignored', 'lateral alias location'),
  },
  RangeTableFuncCol: {
    ...fields('walked', 'colexpr coldefexpr'),
    ...fields('ignored', 'colname for_ordinality is_not_null location'),
    typeName: 'TypeName',
  },
  RangeTableSample: {
    ...fields('walked', 'relation args repeatable'),
    ...fields('ignored', 'method location'),
  },
  JsonTable: {
    ...fields('walked', 'passing columns'),
    ...fields('ignored', 'alias lateral location'),
    context_item: 'JsonValueExpr',
    pathspec: 'JsonTablePathSpec',
    on_error: 'JsonBehavior',
  },
  JsonTableColumn: {
    columns: 'walked',
    ...fields('ignored', 'coltype name format wrapper quotes location'),
    typeName: 'TypeName',
    pathspec: 'JsonTablePathSpec',
    on_empty: 'JsonBehavior',
    on_error: 'JsonBehavior',
  },
  JsonTablePathSpec: { string: 'walked', ...fields('ignored', 'name name_location location') },

  // Expressions
  A_Const: { ...fields('ignored', 'ival fval boolval sval bsval isnull location') },
  ParamRef: { ...fields('ignored', 'number location') },
  ColumnRef: { ...fields('ignored', 'fields location') },
  A_Star: {},
  A_Expr: {
    ...fields('walked', 'lexpr rexpr'),
    ...fields('ignored', 'kind name rexpr_list_start rexpr_list_end location'),
  },
  BoolExpr: { args: 'walked', ...fields('ignored', 'boolop location') },
  NullTest: { arg: 'walked', ...fields('ignored', 'nulltesttype argisrow location') },
  BooleanTest: { arg: 'walked', ...fields('ignored', 'booltesttype location') },
  TypeCast: { arg: 'walked', typeName: 'TypeName', location: 'ignored' },
  TypeName: {
    typmods: 'walked',
    ...fields('ignored', 'names typemod arrayBounds location'),
  },
  CollateClause: { arg: 'walked', ...fields('ignored', 'collname location') },
  FuncCall: {
    ...fields('walked', 'args agg_order agg_filter'),
    ...fields('ignored', 'funcname agg_within_group agg_star agg_distinct func_variadic funcformat location'),
    over: 'WindowDef',
  },
  NamedArgExpr: { arg: 'walked', ...fields('ignored', 'name argnumber location') },
  SubLink: {
    ...fields('walked', 'testexpr subselect'),
    ...fields('ignored', 'subLinkType operName location'),
  },
  CaseExpr: { ...fields('walked', 'arg args defresult'), location: 'ignored' },
  CaseWhen: { ...fields('walked', 'expr result'), location: 'ignored' },
  CoalesceExpr: { args: 'walked', location: 'ignored' },
  MinMaxExpr: { args: 'walked', ...fields('ignored', 'op location') },
  RowExpr: { args: 'walked', ...fields('ignored', 'row_format colnames location') },
  A_ArrayExpr: { elements: 'walked', ...fields('ignored', 'list_start list_end location') },
  A_Indirection: { ...fields('walked', 'arg indirection') },
  A_Indices: { ...fields('walked', 'lidx uidx'), is_slice: 'ignored' },
  String: { sval: 'ignored' },
  List: { items: 'walked' },
  GroupingFunc: { args: 'walked', location: 'ignored' },
  MergeSupportFunc: { ...fields('ignored', 'msftype location') },
  SetToDefault: { location: 'ignored' },
  CurrentOfExpr: { ...fields('ignored', 'cursor_name cursor_param') },
  SQLValueFunction: { ...fields('ignored', 'op typmod location') },

  // SQL/XML and SQL/JSON
  XmlExpr: {
    ...fields('walked', 'named_args args'),
    ...fields('ignored', 'op name xmloption indent location'),
  },
  XmlSerialize: { expr: 'walked', typeName: 'TypeName', ...fields('ignored', 'xmloption indent location') },
  JsonValueExpr: { raw_expr: 'walked', format: 'ignored' },
  JsonOutput: { typeName: 'TypeName', returning: 'ignored' },
  JsonArgument: { val: 'JsonValueExpr', name: 'ignored' },
  JsonBehavior: { expr: 'walked', ...fields('ignored', 'btype coerce location') },
  JsonFuncExpr: {
    ...fields('walked', 'pathspec passing'),
    ...fields('ignored', 'op column_name wrapper quotes location'),
    context_item: 'JsonValueExpr',
    output: 'JsonOutput',
    on_empty: 'JsonBehavior',
    on_error: 'JsonBehavior',
  },
  JsonIsPredicate: { expr: 'walked', ...fields('ignored', 'format item_type unique_keys location') },
  JsonKeyValue: { key: 'walked', value: 'JsonValueExpr' },
  JsonParseExpr: {
    expr: 'JsonValueExpr',
    output: 'JsonOutput',
    ...fields('ignored', 'unique_keys location'),
  },
  JsonScalarExpr: { expr: 'walked', output: 'JsonOutput', location: 'ignored' },
  JsonSerializeExpr: { expr: 'JsonValueExpr', output: 'JsonOutput', location: 'ignored' },
  JsonObjectConstructor: {
    exprs: 'walked',
    output: 'JsonOutput',
    ...fields('ignored', 'absent_on_null unique location'),
  },
  JsonArrayConstructor: {
    exprs: 'walked',
    output: 'JsonOutput',
    ...fields('ignored', 'absent_on_null location'),
  },
  JsonArrayQueryConstructor: {
    query: 'walked',
    output: 'JsonOutput',
    ...fields('ignored', 'format absent_on_null location'),
  },
  JsonAggConstructor: {
    ...fields('walked', 'agg_filter agg_order'),
    output: 'JsonOutput',
    over: 'WindowDef',
    location: 'ignored',
  },
  JsonObjectAgg: {
    constructor: 'JsonAggConstructor',
    arg: 'JsonKeyValue',
    ...fields('ignored', 'absent_on_null unique'),
  },
  JsonArrayAgg: { constructor: 'JsonAggConstructor', arg: 'JsonValueExpr', absent_on_null: 'ignored' },
}

function fields(rule: FieldRule, names: string): Record<string, FieldRule> {
  return Object.fromEntries(names.split(' ').map((name) => [name, rule]))
}
