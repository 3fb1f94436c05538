package main

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// maxTable bounds the peers that are remembered.
const maxTable = 2048

type tableEntry struct {
	key   [32]byte
	addrs []multiaddr.Multiaddr
}

// table is the peers of the network that identify has shown to be servers, by their place in the key space.
type table struct {
	mutex   sync.Mutex
	entries map[peer.ID]tableEntry
	private bool
}

func newTable(private bool) *table {
	return &table{entries: make(map[peer.ID]tableEntry), private: private}
}

// put remembers a peer; one without an address that others could dial is forgotten. Where too many are known, any
// other makes room: whoever came first would stay for ever otherwise.
func (t *table) put(id peer.ID, addrs []multiaddr.Multiaddr) {
	usable := t.usable(addrs)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(usable) == 0 {
		delete(t.entries, id)
		return
	}
	if _, known := t.entries[id]; !known && len(t.entries) >= maxTable {
		for other := range t.entries {
			delete(t.entries, other)
			break
		}
	}
	t.entries[id] = tableEntry{key: sha256.Sum256([]byte(id)), addrs: usable}
}

func (t *table) remove(id peer.ID) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	delete(t.entries, id)
}

// usable are the addresses that may be dialled and passed on.
func (t *table) usable(addrs []multiaddr.Multiaddr) []multiaddr.Multiaddr {
	var usable []multiaddr.Multiaddr
	for _, address := range addrs {
		if len(usable) < maxAddresses && (t.private || isPublic(address)) {
			usable = append(usable, address)
		}
	}
	return usable
}

// closest are the peers nearest to a key (a multihash), at most count, without the excluded one.
func (t *table) closest(key []byte, count int, excluded peer.ID) []peer.AddrInfo {
	target := sha256.Sum256(key)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	found := make([]peer.AddrInfo, 0, len(t.entries))
	for id, entry := range t.entries {
		if id != excluded {
			found = append(found, peer.AddrInfo{ID: id, Addrs: entry.addrs})
		}
	}
	sortByDistance(found, target)
	return found[:min(count, len(found))]
}

func sortByDistance(peers []peer.AddrInfo, target [32]byte) {
	slices.SortFunc(peers, func(a, b peer.AddrInfo) int {
		x, y := distance(target, a.ID), distance(target, b.ID)
		return bytes.Compare(x[:], y[:])
	})
}

// distance of a peer to a place in the key space: the exclusive or, compared as a big-endian integer.
func distance(target [32]byte, id peer.ID) [32]byte {
	key := sha256.Sum256([]byte(id))
	for i := range key {
		key[i] ^= target[i]
	}
	return key
}
