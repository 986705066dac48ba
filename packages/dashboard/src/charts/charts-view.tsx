import { useCallback, useMemo, useState } from 'react'
import { useWords } from '../i18n/use-words.js'
import { Empty } from '../layout/empty.js'
import { Loading } from '../layout/loading.js'
import { nodesOf } from '../store/topology.js'
import { useStateOf } from '../store/use-state-of.js'
import { Chart } from './chart.js'
import { CHARTS } from './charts.js'
import { pictureDue, rangeOf, samplesIn, type TimeRange, WINDOWS, type Window } from './time-range.js'
import { useTheme } from './use-theme.js'
import { ZoomControls } from './zoom-controls.js'
import 'uplot/dist/uPlot.min.css'
import './charts.css'

/** The last minutes or the last hour in lines, second by second. */
export function ChartsView() {
  const { t } = useWords()
  const samples = useStateOf((state) => state.samples)
  const hasHeard = useStateOf((state) => state.topology !== null)
  const [window, setWindow] = useState<Window>(300)
  const [zoom, setZoom] = useState<TimeRange | null>(null)
  const theme = useTheme()
  const names = useStateOf((state) =>
    nodesOf(state.topology)
      .map(({ name }) => name)
      .join('\n'),
  )
  const nodes = useMemo(() => names.split('\n'), [names])
  const due = pictureDue(samples, window)
  // biome-ignore lint/correctness/useExhaustiveDependencies: samples are looked at when a picture is due
  const { range, shown } = useMemo(() => {
    const range = rangeOf(samples, window, zoom)
    return { range, shown: samplesIn(samples, range) }
  }, [due, window, zoom])
  const zoomTo = useCallback((from: number, to: number) => setZoom({ from, to }), [])
  return (
    <>
      <header className="row view-head">
        <h1>{t('nav.charts')}</h1>
        <fieldset className="windows">
          <legend className="visually-hidden">{t('chart.window')}</legend>
          {WINDOWS.map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={zoom === null && each === window}
              onClick={() => {
                setZoom(null)
                setWindow(each)
              }}
            >
              {each === 3600 ? '1 h' : `${each / 60} min`}
            </button>
          ))}
        </fieldset>
        <ZoomControls samples={samples} range={range} isZoomed={zoom !== null} onZoom={setZoom} />
      </header>
      {!hasHeard ? (
        <Loading />
      ) : samples.length === 0 ? (
        <Empty title={t('chart.empty')} />
      ) : (
        <div className="charts">
          {CHARTS.map((chart) => (
            <Chart
              key={chart.id}
              chart={chart}
              samples={shown}
              nodes={nodes}
              range={range}
              theme={theme}
              onZoom={zoomTo}
            />
          ))}
        </div>
      )}
    </>
  )
}
