/** What peers tell each other of the network that they belong to. */
import {
  identify,
  identifyPush,
  type IdentifyComponents,
  type IdentifyPushComponents,
} from '@libp2p/identify';

/** js-libp2p has no option for what identify says of the network: it is set on the service before its start. */
function withProtocolVersion<C, S>(make: (components: C) => S, version: string): (components: C) => S {
  return (components) => {
    const service = make(components);
    (service as unknown as { host: { protocolVersion: string } }).host.protocolVersion = version;
    return service;
  };
}

/** Services of libp2p that say this protocol version. */
export function identifyAs(version: string) {
  return {
    identify: withProtocolVersion((components: IdentifyComponents) => identify()(components), version),
    identifyPush: withProtocolVersion(
      (components: IdentifyPushComponents) => identifyPush()(components),
      version,
    ),
  };
}
