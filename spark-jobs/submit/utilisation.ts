/** How busy a cluster is, by the metrics that EMR sends to CloudWatch every five minutes. */
import { type CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch'

/** Seconds of a point, and milliseconds that are looked back. */
const PERIOD = 300
const SPAN = 3 * 3_600_000

const metrics = [
  { name: 'memoryUsed', metric: 'YARNMemoryAvailablePercentage', title: 'Memory that jobs hold', unit: '%' },
  { name: 'appsRunning', metric: 'AppsRunning', title: 'Applications running', unit: '' },
  { name: 'appsPending', metric: 'AppsPending', title: 'Applications waiting', unit: '' },
  { name: 'containersPending', metric: 'ContainerPending', title: 'Containers waiting for room', unit: '' },
  { name: 'hdfsUsed', metric: 'HDFSUtilization', title: 'HDFS in use', unit: '%' },
] as const

export interface Utilisation {
  readonly from: number
  readonly to: number
  readonly series: readonly UtilisationSeries[]
}

export interface UtilisationSeries {
  readonly name: string
  /** For people. */
  readonly title: string
  /** `%`, or nothing where it is a number of things. */
  readonly unit: string
  /** Ascending; none where EMR has sent nothing. */
  readonly points: readonly { readonly at: number; readonly value: number }[]
}

/** Of the three hours up to `to`, milliseconds since the epoch. */
export async function utilisation(
  client: CloudWatchClient,
  cluster: string,
  to: number,
  abortSignal: AbortSignal,
): Promise<Utilisation> {
  const command = new GetMetricDataCommand({
    StartTime: new Date(to - SPAN),
    EndTime: new Date(to),
    ScanBy: 'TimestampAscending',
    MetricDataQueries: metrics.map(({ name, metric }) => ({
      Id: name,
      MetricStat: {
        Metric: {
          Namespace: 'AWS/ElasticMapReduce',
          MetricName: metric,
          Dimensions: [{ Name: 'JobFlowId', Value: cluster }],
        },
        Period: PERIOD,
        Stat: 'Average',
      },
    })),
  })
  const { MetricDataResults = [] } = await client.send(command, { abortSignal })
  return {
    from: to - SPAN,
    to,
    series: metrics.map(({ name, title, unit }) => {
      const { Timestamps = [], Values = [] } = MetricDataResults.find(({ Id }) => Id === name) ?? {}
      const points = Timestamps.map((at, i) => ({ at: at.getTime(), value: Values[i] ?? 0 }))
      // EMR tells what is free.
      const turned = name === 'memoryUsed'
      return {
        ...{ name, title, unit },
        points: turned ? points.map(({ at, value }) => ({ at, value: 100 - value })) : points,
      }
    }),
  }
}
