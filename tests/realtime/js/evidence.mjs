// services/web/src/evidence.ts: what an order's timeline proves, and what it does not.
import assert from 'node:assert/strict';
import { EXPECTED, begunAfter, numberOf, shown } from '../../../services/web/src/evidence.ts';
import { run } from './run.mjs';

const AT = (second) => `2026-11-24T20:00:0${second}Z`;
const placed = { position: 7, name: 'OrderPlaced', occurred_at: AT(0), payload: { order: { number: 1042 } } };
const confirmed = { position: 9, name: 'OrderConfirmed', occurred_at: AT(3), payload: { order: { number: 1042 } } };
const job = (name, ...outcomes) => ({
  name,
  failures: outcomes.filter((outcome) => outcome === 'failed').length,
  attempts: outcomes.map((outcome) => ({ outcome })),
});
const story = (events, jobs, more = {}) => ({ events, jobs, ...more });

await run({
  'a confirmation proves no second try, and so nothing that was to follow one': async () => {
    const smooth = story([placed, confirmed], [job('charge_payment', 'succeeded')], { charges: 1 });
    assert.deepEqual(shown(EXPECTED.no_answer_after_charging, smooth, 0), []);
    assert.deepEqual(shown(EXPECTED.webhooks_off, smooth, 0), ['confirmed', 'once']);
  },

  'a second try, its confirmation and one charge are seen one after the other': async () => {
    const begun = story([placed], [job('charge_payment', 'failed')]);
    assert.deepEqual(shown(EXPECTED.no_answer_after_charging, begun, 0), ['again']);
    const twice = story([placed, confirmed], [job('charge_payment', 'failed', 'succeeded')], { charges: 2 });
    assert.deepEqual(shown(EXPECTED.no_answer_after_charging, twice, 0), ['again', 'confirmed']);
    assert.deepEqual(shown(EXPECTED.no_answer_after_charging, { ...twice, charges: 1 }, 0), ['again', 'confirmed', 'once']);
  },

  'slow is as slow as was wished for': async () => {
    const slow = story([placed, confirmed], []);
    assert.deepEqual(shown(EXPECTED.slow_ms, slow, 3_000), ['slow', 'confirmed']);
    assert.deepEqual(shown(EXPECTED.slow_ms, slow, 3_001), []);
  },

  'an order is rejected for its card, and not for its stock': async () => {
    const rejected = (reason) => story([placed, { ...confirmed, name: 'OrderRejected', payload: { order: { number: 1042, reason } } }], []);
    assert.deepEqual(shown(EXPECTED.decline, rejected('out_of_stock'), 0), []);
    assert.deepEqual(shown(EXPECTED.decline, rejected('card_declined'), 0), ['rejected']);
  },

  'an SMS that came twice is not one that came once': async () => {
    const sent = { ...confirmed, name: 'NotificationSent', payload: { channel: 'sms' } };
    const told = (copies) => story([placed, sent], [job('send_sms', 'failed', 'succeeded')], { copies });
    const expected = EXPECTED.sms_no_answer_after_sending;
    assert.deepEqual(shown(expected, told([2]), 0), ['sms_waits', 'sms_arrives']);
    assert.deepEqual(shown(expected, told([]), 0), ['sms_waits', 'sms_arrives']);
    assert.deepEqual(shown(expected, told([1]), 0), ['sms_waits', 'sms_arrives', 'sms_once']);
  },

  'an order of before, or one that is not handed on yet, proves nothing': async () => {
    assert.equal(begunAfter(story([placed], []), 7), false);
    assert.equal(begunAfter(story([placed], []), 6), true);
    assert.equal(begunAfter(story([{ ...placed, position: null }], []), 0), false);
    assert.equal(numberOf(story([placed], [])), 1042);
  },
});
