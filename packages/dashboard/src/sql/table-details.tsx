import type { TableView } from '@pgherd/core/api'
import { useWords } from '../i18n/use-words.js'

/** Columns and indexes of a table. */
export function TableDetails({ table }: { table: TableView }) {
  const { t, bytes } = useWords()
  return (
    <>
      {table.key.length > 0 && (
        <p className="small">
          <span className="quiet">{t('tables.key')}</span> <code>{table.key.join(', ')}</code>
        </p>
      )}
      <div className="table-scroll">
        <table>
          <caption className="visually-hidden">{t('tables.columnsOf', { table: table.name })}</caption>
          <thead>
            <tr>
              <th scope="col">{t('tables.column')}</th>
              <th scope="col">{t('tables.type')}</th>
              <th scope="col">{t('tables.default')}</th>
            </tr>
          </thead>
          <tbody>
            {table.columns.map((column) => (
              <tr key={column.name}>
                <th scope="row">
                  {column.name}
                  {column.isPrimaryKey && (
                    <abbr className="key" title={t('tables.primaryKey')}>
                      PK
                    </abbr>
                  )}
                </th>
                <td>
                  {column.type}
                  {column.isNullable ? '' : ' not null'}
                </td>
                <td>{column.default ?? ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {table.indexes.length > 0 && (
        <ul className="indexes">
          {table.indexes.map((index) => (
            <li key={index.name}>
              <code>{index.definition}</code>
              {index.bytes !== null && <span className="quiet small"> {bytes(index.bytes)}</span>}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
