// What a dashboard's JSON has to be: Grafana's own types, with the names of enums as the strings that JSON has for them.
import type { Dashboard, Panel } from '@grafana/schema';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Json<T> = T extends string ? `${T}` : T extends (infer U)[] ? Json<U>[]
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

type Custom = { stat: {}; table: table.FieldConfig; timeseries: timeseries.FieldConfig };
type Options = { stat: stat.Options; table: table.Options; timeseries: timeseries.Options };

export type Whole = Json<Dashboard>;
export type PanelOf<Kind extends keyof Options> = Json<Omit<Panel, 'options' | 'fieldConfig'>> & {
  type: Kind;
  options: Json<Partial<Options[Kind]>>;
  fieldConfig: { defaults: Json<NonNullable<Panel['fieldConfig']>['defaults']> & { custom?: Json<Partial<Custom[Kind]>> }; overrides: unknown[] };
};
