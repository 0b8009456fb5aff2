import { DAY, HOUR, MINUTE, SECOND } from '../common/clock.js';
import type { OpensBucketDto } from './analytics.dto.js';
import type { BucketSize, Days } from './analytics.rules.js';

export const metrics = ['opens', 'uniqueClients', 'durationSeconds'] as const;
export type Metric = (typeof metrics)[number];

/** What a picture shows, and of what. */
export interface Chart {
  metric: Metric;
  bucket: BucketSize;
  days: Days;
  buckets: OpensBucketDto[];
  /** Title of the demo and name of the client that it is about alone. */
  demo?: string;
  client?: string;
}

const WIDTH = 960;
const HEIGHT = 420;
const titles: Record<Metric, string> = {
  opens: 'Opens of demos',
  uniqueClients: 'Clients who opened a demo',
  durationSeconds: 'Time in demos',
};

/** Draws a series as SVG, without script and at rest: title, period, axes with units, a bar a bucket. */
export async function drawChart({ metric, bucket, days, buckets, demo, client }: Chart): Promise<string> {
  const { init } = await library();
  const { unit, divisor } = unitOf(metric, Math.max(0, ...buckets.map((one) => one[metric])));
  const about = [demo, client].filter((name) => name !== undefined).map(drawable);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      title: {
        text: titles[metric],
        subtext: [`${days.first} to ${days.last}, by ${bucket}, UTC`, ...about].join(' · '),
        left: 20,
        top: 12,
        subtextStyle: { width: WIDTH - 40, overflow: 'truncate', color: '#4b5563' },
      },
      grid: { left: 20, right: 24, top: 96, bottom: 16, outerBoundsMode: 'same', outerBoundsContain: 'all' },
      xAxis: {
        type: 'category',
        data: buckets.map(({ start }) => start.toISOString().slice(0, bucket === 'month' ? 7 : 10)),
        axisLabel: { hideOverlap: true },
        axisTick: { alignWithLabel: true },
      },
      yAxis: {
        type: 'value',
        name: unit,
        nameTextStyle: { align: 'left' },
        ...(divisor === 1 && { minInterval: 1 }),
      },
      series: [
        {
          type: 'bar',
          data: buckets.map((one) => Math.round((one[metric] / divisor) * 100) / 100),
          barMaxWidth: 40,
          itemStyle: { color: '#2563eb' },
        },
      ],
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function unitOf(metric: Metric, most: number): { unit: string; divisor: number } {
  if (metric !== 'durationSeconds') return { unit: metric === 'opens' ? 'opens' : 'clients', divisor: 1 };
  if (most * SECOND <= 2 * MINUTE) return { unit: 'seconds', divisor: 1 };
  if (most * SECOND <= 2 * HOUR) return { unit: 'minutes', divisor: MINUTE / SECOND };
  return most * SECOND <= 4 * DAY
    ? { unit: 'hours', divisor: HOUR / SECOND }
    : { unit: 'days', divisor: DAY / SECOND };
}

/** XML takes all that a title can hold but these two (XML 1.0, 2.2); the library escapes the rest. */
function drawable(name: string): string {
  return name.replace(/[\ufffe\uffff]/g, '');
}

/** Loaded with the first picture: a server that draws none starts faster and is smaller without it. */
async function library(): Promise<typeof import('echarts/core')> {
  const [core, { BarChart }, { GridComponent, TitleComponent }, { SVGRenderer }] = await Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ]);
  core.use([BarChart, GridComponent, TitleComponent, SVGRenderer]);
  return core;
}
