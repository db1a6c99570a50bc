import { type Static, Type } from 'typebox';

/** One family of metrics: docs/metrics.md. The name of a sample is that of its family with the suffix. */
export const MetricFamilyView = Type.Object({
  name: Type.String(),
  kind: Type.Union([Type.Literal('counter'), Type.Literal('gauge'), Type.Literal('histogram')]),
  unit: Type.Union([Type.Literal('seconds'), Type.Literal('bytes'), Type.Literal('ratio'), Type.Null()]),
  help: Type.String(),
  samples: Type.Array(
    Type.Object({
      suffix: Type.String(),
      labels: Type.Record(Type.String(), Type.String()),
      value: Type.Number(),
    }),
  ),
});
export type MetricFamilyView = Static<typeof MetricFamilyView>;
