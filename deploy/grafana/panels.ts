/** A dashboard as data, and as Grafana has it (by its own SDK). */
import {
  LegendDisplayMode,
  LegendPlacement,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** Grafana's names of units. */
export type Unit = 'short' | 's' | 'bytes' | 'percentunit' | 'ops' | 'Bps'

export interface Query {
  /** PromQL; `$job` is the job chosen, `$__rate_interval` what Grafana makes of the scrape interval. */
  readonly expr: string
  /** With labels in braces, such as `{{instance}}`. */
  readonly legend: string
}

export interface Panel {
  readonly title: string
  /** What is seen here, and what would be wrong. */
  readonly about: string
  readonly unit: Unit
  readonly queries: readonly Query[]
}

export interface Page {
  readonly uid: string
  readonly title: string
  readonly about: string
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[]
}

const datasource = { type: 'prometheus', uid: '$' + '{datasource}' }

/** Two panels side by side. */
export function dashboard({ uid, title, about, rows }: Page): Dashboard {
  const builder = new DashboardBuilder(`Ticker Watch: ${title}`)
    .uid(`tickerwatch-${uid}`)
    .description(about)
    .tags(['tickerwatch'])
    .readonly()
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(
      new QueryVariableBuilder('job')
        .label('Job')
        .datasource(datasource)
        .query('label_values(tickerwatch_node_ready, job)')
        .refresh(VariableRefresh.OnDashboardLoad)
        .sort(VariableSort.AlphabeticalAsc),
    )
  // Grafana tells panels apart by their ids, and queries of a panel by theirs.
  let id = 0
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title).id(++id))
    for (const each of row.panels) builder.withPanel(panel(each).id(++id))
  }
  return builder.build()
}

function panel({ title, about, unit, queries }: Panel): PanelBuilder {
  const builder = new PanelBuilder()
    .title(title)
    .description(about)
    .unit(unit)
    .axisSoftMin(0)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .datasource(datasource)
    .height(8)
    .span(12)
    .fillOpacity(8)
  for (const [i, { expr, legend }] of queries.entries()) {
    const refId = String.fromCharCode('A'.charCodeAt(0) + i)
    builder.withTarget(new DataqueryBuilder().refId(refId).expr(expr).legendFormat(legend).range())
  }
  return builder
}
