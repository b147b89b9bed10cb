/**
 * What a cluster costs, estimated from list prices: EC2's on demand, and EMR's charge on top of it. Not in it: disks (EBS),
 * S3, CloudWatch, data transfer, taxes; nor what makes it cheaper, as spot instances, savings plans and discounts do.
 */
import type { EmrConfig } from './config.ts'

export type Prices = NonNullable<EmrConfig['prices']>

/** EC2's price, and that of EMR, which is a quarter of it for these. */
function onDemand(ec2: number): { ec2: number; emr: number } {
  return { ec2, emr: Math.round(ec2 * 250) / 1000 }
}

/** The list prices that are taken where the configuration names none. */
export const listPrices: Prices = {
  currency: 'USD',
  region: 'us-east-1',
  asOf: '2025-06-01',
  perHour: {
    'm5.xlarge': onDemand(0.192),
    'm5.2xlarge': onDemand(0.384),
    'm5.4xlarge': onDemand(0.768),
    'm6i.xlarge': onDemand(0.192),
    'm6i.2xlarge': onDemand(0.384),
    'm6i.4xlarge': onDemand(0.768),
    'c5.xlarge': onDemand(0.17),
    'c5.2xlarge': onDemand(0.34),
    'c6i.xlarge': onDemand(0.17),
    'c6i.2xlarge': onDemand(0.34),
    'r5.xlarge': onDemand(0.252),
    'r5.2xlarge': onDemand(0.504),
    'r6i.xlarge': onDemand(0.252),
    'r6i.2xlarge': onDemand(0.504),
  },
}

export interface CostEstimate {
  readonly currency: string
  /** Whose prices, and of when. */
  readonly region: string
  readonly asOf: string
  /** Of the nodes now, or those that were asked for of one that has ended; null where no type has a price. */
  readonly perHour: number | null
  /** As if these nodes had been there from the cluster's creation to its end, or to now. */
  readonly soFar: number | null
  /** Types that have no price here, and are left out. */
  readonly withoutPrice: readonly string[]
  /** Whether some are spot instances, counted at the price on demand: it is less. */
  readonly hasSpot: boolean
}

export interface PricedGroup {
  readonly type: string
  readonly nodes: number
  readonly isSpot: boolean
}

/** @param hours that the cluster has been there */
export function estimateCost(groups: readonly PricedGroup[], hours: number, prices: Prices): CostEstimate {
  const priced = groups.flatMap(({ type, nodes }) => {
    const price = prices.perHour[type]
    return price === undefined ? [] : [nodes * (price.ec2 + price.emr)]
  })
  const perHour = priced.length === 0 ? null : priced.reduce((sum, each) => sum + each, 0)
  return {
    ...{ currency: prices.currency, region: prices.region, asOf: prices.asOf },
    perHour,
    soFar: perHour === null ? null : perHour * hours,
    withoutPrice: [...new Set(groups.map(({ type }) => type))].filter(type => !prices.perHour[type]),
    hasSpot: groups.some(({ isSpot, nodes }) => isSpot && nodes > 0),
  }
}
