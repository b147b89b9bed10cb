/** CloudWatch for tests, over HTTP, as far as it is asked here: GetMetricData (AWS JSON 1.0), with what a test says a metric was. */
import { z } from 'zod'
import { type AnsweringServer, answering } from '../../../lake/testing/answering-server.ts'

export interface FakeCloudWatch extends AnsweringServer {
  /** By the cluster's id and the metric's name: times in milliseconds and values. */
  readonly metrics: Map<string, readonly (readonly [at: number, value: number])[]>
  calls: number
  /** Answers every call with this error. */
  refuse: { readonly type: string; readonly message: string } | undefined
}

const getMetricData = z.object({
  StartTime: z.number(),
  EndTime: z.number(),
  MetricDataQueries: z.array(
    z.object({
      Id: z.string().regex(/^[a-z]\w*$/),
      MetricStat: z.object({
        Metric: z.object({
          Namespace: z.literal('AWS/ElasticMapReduce'),
          MetricName: z.string(),
          Dimensions: z.tuple([z.object({ Name: z.literal('JobFlowId'), Value: z.string() })]),
        }),
        Period: z.int().multipleOf(60),
        Stat: z.string(),
      }),
    }),
  ),
})

export async function startFakeCloudWatch(): Promise<FakeCloudWatch> {
  const metrics: FakeCloudWatch['metrics'] = new Map()
  const server = await answering(async (request, response) => {
    fake.calls++
    let text = ''
    for await (const piece of request.setEncoding('utf8')) text += piece
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body))
    }
    if (fake.refuse) return answer(400, { __type: fake.refuse.type, message: fake.refuse.message })
    const target = String(request.headers['x-amz-target'])
    const parsed = getMetricData.safeParse(JSON.parse(text))
    if (!target.endsWith('.GetMetricData') || !parsed.success)
      return answer(400, { __type: 'ValidationError', message: `${target}: ${parsed.error?.message}` })
    const { StartTime, EndTime, MetricDataQueries } = parsed.data
    answer(200, {
      MetricDataResults: MetricDataQueries.map(({ Id, MetricStat: { Metric } }) => {
        const points = (metrics.get(`${Metric.Dimensions[0].Value} ${Metric.MetricName}`) ?? []).filter(
          ([at]) => at >= StartTime * 1000 && at < EndTime * 1000,
        )
        return {
          Id,
          StatusCode: 'Complete',
          Timestamps: points.map(([at]) => at / 1000),
          Values: points.map(([, value]) => value),
        }
      }),
    })
  })
  const fake: FakeCloudWatch = { ...server, metrics, calls: 0, refuse: undefined }
  return fake
}
