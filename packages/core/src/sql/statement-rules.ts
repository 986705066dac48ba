import type { StatementKind, Trace } from './statement-facts.js'

/** What is known of a statement by its node type alone. */
export interface StatementRule {
  command: string
  kind: StatementKind
  writes: boolean
  traces: readonly Trace[]
}

/**
 * Every statement that is not a query and is understood: an allow-list. What it holds inside decides
 * nothing, for all of these get a connection of their own; those whose inside matters are read by
 * `readStatement` as well.
 */
export const STATEMENT_RULES: Readonly<Record<string, StatementRule>> = {
  TransactionStmt: rule('', 'transaction', false, 'transaction'),
  ConstraintsSetStmt: rule('SET CONSTRAINTS', 'session', false),
  VariableSetStmt: rule('SET', 'session', false),
  VariableShowStmt: rule('SHOW', 'session', false),
  DiscardStmt: rule('DISCARD', 'session', false, 'settings'),
  PrepareStmt: rule('PREPARE', 'session', true, 'prepared'),
  ExecuteStmt: rule('EXECUTE', 'session', true, 'prepared', 'unknown'),
  DeallocateStmt: rule('DEALLOCATE', 'session', false, 'prepared'),
  DeclareCursorStmt: rule('DECLARE', 'session', false, 'cursor'),
  FetchStmt: rule('FETCH', 'session', false, 'cursor'),
  ClosePortalStmt: rule('CLOSE', 'session', false, 'cursor'),
  ListenStmt: rule('LISTEN', 'session', true, 'listen'),
  UnlistenStmt: rule('UNLISTEN', 'session', true, 'listen'),
  NotifyStmt: rule('NOTIFY', 'session', true),
  LockStmt: rule('LOCK', 'session', true),
  LoadStmt: rule('LOAD', 'unknown', true, 'unknown'),
  DoStmt: rule('DO', 'unknown', true, 'unknown'),
  CallStmt: rule('CALL', 'unknown', true, 'unknown'),
  CopyStmt: rule('COPY', 'copy', false, 'copy'),
  TruncateStmt: rule('TRUNCATE', 'write', true),
  ExplainStmt: rule('EXPLAIN', 'read', false),

  VacuumStmt: rule('VACUUM', 'maintenance', true),
  ReindexStmt: rule('REINDEX', 'maintenance', true),
  ClusterStmt: rule('CLUSTER', 'maintenance', true),
  CheckPointStmt: rule('CHECKPOINT', 'maintenance', true),
  AlterSystemStmt: rule('ALTER', 'maintenance', true),
  RefreshMatViewStmt: rule('REFRESH', 'maintenance', true),

  CreateTableAsStmt: rule('CREATE', 'ddl', true),
  ...ddl('CREATE', [
    'CreateStmt CreateSchemaStmt CreateTableSpaceStmt CreateExtensionStmt CreateFdwStmt CreateForeignServerStmt',
    'CreateForeignTableStmt CreateUserMappingStmt CreatePolicyStmt CreateAmStmt CreateTrigStmt',
    'CreateEventTrigStmt CreatePLangStmt CreateRoleStmt CreateSeqStmt DefineStmt CreateDomainStmt',
    'CreateOpClassStmt CreateOpFamilyStmt IndexStmt CreateStatsStmt CreateFunctionStmt RuleStmt',
    'CompositeTypeStmt CreateEnumStmt CreateRangeStmt ViewStmt CreatedbStmt CreateConversionStmt',
    'CreateCastStmt CreateTransformStmt CreatePublicationStmt CreateSubscriptionStmt',
  ]),
  ...ddl('ALTER', [
    'AlterTableStmt AlterCollationStmt AlterDomainStmt AlterDefaultPrivilegesStmt AlterTableSpaceOptionsStmt',
    'AlterTableMoveAllStmt AlterExtensionStmt AlterExtensionContentsStmt AlterFdwStmt AlterForeignServerStmt',
    'AlterUserMappingStmt AlterPolicyStmt AlterEventTrigStmt AlterRoleStmt AlterRoleSetStmt AlterSeqStmt',
    'AlterOpFamilyStmt AlterStatsStmt AlterFunctionStmt RenameStmt AlterObjectDependsStmt',
    'AlterObjectSchemaStmt AlterOwnerStmt AlterOperatorStmt AlterTypeStmt AlterEnumStmt AlterDatabaseStmt',
    'AlterDatabaseRefreshCollStmt AlterDatabaseSetStmt AlterTSDictionaryStmt AlterTSConfigurationStmt',
    'AlterPublicationStmt AlterSubscriptionStmt',
  ]),
  ...ddl('DROP', [
    'DropStmt DropTableSpaceStmt DropRoleStmt DropdbStmt DropOwnedStmt DropUserMappingStmt DropSubscriptionStmt',
  ]),
  ...ddl('GRANT', ['GrantStmt GrantRoleStmt']),
  ...ddl('COMMENT', ['CommentStmt']),
  ...ddl('SECURITY LABEL', ['SecLabelStmt']),
  ...ddl('REASSIGN', ['ReassignOwnedStmt']),
  ...ddl('IMPORT', ['ImportForeignSchemaStmt']),
}

/** What a transaction statement is called, and whether it must go to the primary (two-phase commit). */
export const TRANSACTION_COMMANDS: Readonly<Record<string, { command: string; writes: boolean }>> = {
  TRANS_STMT_BEGIN: { command: 'BEGIN', writes: false },
  TRANS_STMT_START: { command: 'START TRANSACTION', writes: false },
  TRANS_STMT_COMMIT: { command: 'COMMIT', writes: false },
  TRANS_STMT_ROLLBACK: { command: 'ROLLBACK', writes: false },
  TRANS_STMT_SAVEPOINT: { command: 'SAVEPOINT', writes: false },
  TRANS_STMT_RELEASE: { command: 'RELEASE', writes: false },
  TRANS_STMT_ROLLBACK_TO: { command: 'ROLLBACK TO', writes: false },
  TRANS_STMT_PREPARE: { command: 'PREPARE TRANSACTION', writes: true },
  TRANS_STMT_COMMIT_PREPARED: { command: 'COMMIT PREPARED', writes: true },
  TRANS_STMT_ROLLBACK_PREPARED: { command: 'ROLLBACK PREPARED', writes: true },
}

function rule(command: string, kind: StatementKind, writes: boolean, ...traces: Trace[]): StatementRule {
  return { command, kind, writes, traces }
}

function ddl(command: string, types: readonly string[]): Record<string, StatementRule> {
  return Object.fromEntries(
    types.flatMap((line) => line.split(' ')).map((type) => [type, rule(command, 'ddl', true)]),
  )
}
