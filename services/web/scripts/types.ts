// Writes src/types from the documents that are generated from the code: `npm run types`. With --check it writes nothing,
// and fails where a file is not what it should be.
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Schema {
  $ref?: string;
  type?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  allOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  prefixItems?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  description?: string;
  format?: string;
}

type Schemas = Record<string, Schema>;

const DOCS = new URL('../../../docs/', import.meta.url);
const TYPES = new URL('../src/types/', import.meta.url);
/** Whether all of a thing is always there: an event is written with what it has by default, too. */
let whole = false;

const PRIMITIVES: Record<string, string> = {
  string: 'string', integer: 'number', number: 'number', boolean: 'boolean', null: 'null',
};

function typeOf(schema: Schema): string {
  if (schema.$ref) return schema.$ref.split('/').at(-1)!.replace(/\W/g, '_');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const some = schema.anyOf ?? schema.oneOf;
  if (some) return [...new Set(some.map(typeOf))].join(' | ');
  if (schema.allOf) return schema.allOf.map(typeOf).join(' & ');
  if (schema.type === 'array') return listOf(schema.items);
  if (schema.properties) return `{ ${fieldsOf(schema).join(' ')} }`;
  if (schema.type === 'object') return `Record<string, ${valueOf(schema.additionalProperties)}>`;
  return PRIMITIVES[schema.type ?? ''] ?? 'unknown';
}

function listOf(items: Schema | undefined): string {
  const type = items ? typeOf(items) : 'unknown';
  return type.includes(' ') ? `(${type})[]` : `${type}[]`;
}

function valueOf(schema: Schema | boolean | undefined): string {
  return typeof schema === 'object' ? typeOf(schema) : 'unknown';
}

function fieldsOf({ properties = {}, required = [] }: Schema): string[] {
  return Object.entries(properties).map(([name, schema]) => {
    const optional = whole || required.includes(name) ? '' : '?';
    return `${/^\w+$/.test(name) ? name : JSON.stringify(name)}${optional}: ${typeOf(schema)};`;
  });
}

function declared(name: string, schema: Schema): string {
  const called = name.replace(/\W/g, '_');
  if (!schema.properties) return `export type ${called} = ${typeOf(schema)};\n`;
  return `export interface ${called} {\n${fieldsOf(schema).map((field) => `  ${field}\n`).join('')}}\n`;
}

function written(source: string, schemas: Schemas): string {
  const head = `// Written by \`npm run types\` from docs/${source}: do not edit.\n`;
  return [head, ...Object.entries(schemas).map(([name, schema]) => declared(name, schema))].join('\n');
}

function read(source: string): Schemas {
  const document = parse(readFileSync(new URL(source, DOCS), 'utf8')) as { components: { schemas: Schemas } };
  return document.components.schemas;
}

const check = process.argv.includes('--check');
for (const [source, target] of [['openapi.json', 'api.ts'], ['asyncapi.yaml', 'events.ts']] as const) {
  const file = new URL(target, TYPES);
  whole = target === 'events.ts';
  const text = written(source, read(source));
  if (!check) writeFileSync(file, text);
  else if (readFileSync(file, 'utf8') !== text) throw new Error(`src/types/${target} is old: npm run types`);
}
