// Reads queries of TraceQL as a JSON list, and prints those that are not TraceQL.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { parser } = createRequire(process.argv[2] + '/')('@grafana/lezer-traceql');
const wrong = JSON.parse(readFileSync(0, 'utf8')).filter((query) => {
  let errors = 0;
  parser.parse(query).iterate({ enter: (node) => { errors += node.type.isError ? 1 : 0; } });
  return errors > 0;
});
console.log(JSON.stringify(wrong));
