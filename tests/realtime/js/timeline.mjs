// services/web/src/timeline.ts: which job follows from which fact, what was undone, and how far an order is.
import assert from 'node:assert/strict';
import { reached, steps } from '../../../services/web/src/timeline.ts';
import { run } from './run.mjs';

const at = (second) => `2026-11-24T20:00:${String(second).padStart(2, '0')}Z`;
const fact = (name, second, more = {}) => ({ id: `${name}-${second}`, name, occurred_at: at(second), job_id: null, payload: {}, ...more });
const job = (name, second, more = {}) => ({ id: `${name}-${second}`, name, created_at: at(second), event_id: null, chain: null, attempts: [], ...more });
const CHAIN = { id: 'c', name: 'check-out', link: 0, ended_reason: null };

await run({
  'a chain stays together under the fact it follows from': async () => {
    const placed = fact('OrderPlaced', 1);
    const links = ['reserve_stock', 'charge_payment'].map((name) => job(name, 1, { event_id: placed.id, chain: CHAIN }));
    const mail = job('send_mail', 1, { event_id: placed.id });
    const [step] = steps({ events: [placed], jobs: [links[0], mail, links[1]], notifications: [] });
    assert.deepEqual(step.groups.map(({ jobs }) => jobs.map(({ name }) => name)), [['reserve_stock', 'charge_payment'], ['send_mail']]);
  },

  'a job that another one dispatched stands under the latest fact before it': async () => {
    const events = [fact('OrderPlaced', 1), fact('StockReserved', 3), fact('OrderConfirmed', 9)];
    const told = steps({ events, jobs: [job('expire_order', 4)], notifications: [] });
    assert.deepEqual(told.map(({ groups }) => groups.length), [0, 1, 0]);
    assert.deepEqual(told.map(({ after }) => after), [null, 2, 6]);
  },

  'only what was held is put back': async () => {
    const back = (...names) => steps({ events: names.map((name, second) => fact(name, second)), jobs: [], notifications: [] }).at(-1).back;
    assert.equal(back('OrderPlaced', 'OrderRejected'), null);
    assert.equal(back('OrderPlaced', 'StockReserved', 'OrderRejected'), 'stock');
    assert.equal(back('OrderPlaced', 'StockReserved', 'OrderConfirmed', 'OrderCancelled', 'PaymentRefunded'), 'money');
  },

  'undos are drawn as such': async () => {
    const undos = ['refund_payment', 'release_stock'].map((name) => job(name, 2, { chain: { ...CHAIN, id: 'u' } }));
    const [step] = steps({ events: [fact('OrderPlaced', 1)], jobs: undos, notifications: [] });
    assert.deepEqual(step.groups.map(({ undoes }) => undoes), [true]);
  },

  'an order that ended is as far as it had come': async () => {
    const events = ['OrderPlaced', 'StockReserved', 'OrderExpired'].map((name, second) => fact(name, second));
    assert.equal(reached('expired', events), 1);
    assert.equal(reached('shipped', []), 3);
  },
});
