import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteVector, encodeWith, u16, u64 } from '../codec.ts';
import { ProtocolError } from '../errors.ts';
import { AckWindow, approximateMaxMessage, encodeAck, StreamReceiver, StreamSender } from './stream.ts';

const ACK = 'stream-response-ack.01M82R70241K542BTY21WRPCEX';

describe('streams of the cluster', () => {
  it('bring all items in order in messages that fit, whenever the messages are sent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), { maxLength: 60 }),
        fc.integer({ min: 400, max: 1200 }),
        (items, maxPayload) => {
          const sender = new StreamSender(ACK, maxPayload);
          const receiver = new StreamReceiver(byteVector);
          const received: Uint8Array[] = [];
          /** Returns whether that was the last message. */
          const send = (last: boolean): boolean => {
            const { payload, index } = sender.take(last);
            expect(payload.length).toBeLessThanOrEqual(maxPayload);
            const { items: arrived, ack, ended } = receiver.accept(payload);
            received.push(...arrived);
            expect(ack).toEqual(ended ? null : { subject: ACK, payload: encodeAck(index) });
            return ended;
          };
          for (const [item, flush] of items) {
            sender.add(encodeWith(byteVector, item));
            if (flush || sender.full) send(false);
          }
          while (!send(true)) continue;
          expect(received).toEqual(items.map(([item]) => item));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('without items are one last message', () => {
    expect(new StreamSender(ACK, 1000).take(true).payload).toEqual(Uint8Array.of(1, 0, 0, 0, 0, 0));
  });

  it('end where a message has no items', () => {
    const receiver = new StreamReceiver(u64);
    const { payload } = new StreamSender(ACK, 1000).take(false);
    expect(receiver.accept(payload).ended).toBe(true);
  });

  it('are full at nine tenths of a message', () => {
    const sender = new StreamSender(ACK, 1000);
    sender.add(new Uint8Array(899));
    expect(sender.full).toBe(false);
    sender.add(new Uint8Array(1));
    expect(sender.full).toBe(true);
    expect(approximateMaxMessage(2 * 1024 * 1024)).toBe(1_887_436);
  });

  it('refuse gaps, repetitions and foreign bytes', () => {
    const sender = new StreamSender(ACK, 1000);
    const messages = [1, 2, 3].map((value) => {
      sender.add(encodeWith(u16, value));
      return sender.take(false).payload;
    });
    const receiver = new StreamReceiver(u16);
    receiver.accept(messages[0]!);
    expect(() => receiver.accept(messages[2]!)).toThrow(ProtocolError);
    expect(() => receiver.accept(messages[0]!)).toThrow(ProtocolError);
    expect(() => receiver.accept(new Uint8Array(0))).toThrow(ProtocolError);
    expect(receiver.accept(messages[1]!).items).toEqual([2]);
  });

  it('fill a message to its last byte, and refuse an item that none can hold', () => {
    // Variant, index, number of items; length and text of the acknowledgement's subject.
    const room = 1_000 - 1 - 4 - 1 - 1 - ACK.length;
    for (const items of [[room], [room - 300, 300]]) {
      const sender = new StreamSender(ACK, 1_000);
      for (const length of items) sender.add(new Uint8Array(length));
      expect([sender.take(false).payload.length, sender.empty]).toEqual([1_000, true]);
    }
    const sender = new StreamSender(ACK, 1_000);
    expect(() => sender.add(new Uint8Array(room + 1))).toThrow(ProtocolError);
    for (const length of [room - 300, 301]) sender.add(new Uint8Array(length));
    expect([sender.take(true).last, sender.take(true).last]).toEqual([false, true]);
  });
});

describe('acknowledgements', () => {
  it('let two messages be under way', () => {
    const window = new AckWindow();
    expect(window.open(0)).toBe(true);
    expect(window.open(1)).toBe(false);
    window.acknowledge(encodeAck(0));
    expect(window.open(1)).toBe(true);
    expect(window.open(2)).toBe(false);
  });

  it('are refused out of turn and in another form', () => {
    const window = new AckWindow();
    expect(() => window.acknowledge(encodeAck(1))).toThrow(ProtocolError);
    expect(() => window.acknowledge(Uint8Array.of(0, 0, 0))).toThrow(ProtocolError);
    expect(() => window.acknowledge(new Uint8Array(5))).toThrow(ProtocolError);
    window.acknowledge(encodeAck(0));
    expect(() => window.acknowledge(encodeAck(0))).toThrow(ProtocolError);
  });
});
