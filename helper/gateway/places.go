package main

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// places bounds what is done at once for all peers together and for each of them.
type places struct {
	mutex sync.Mutex
	taken map[peer.ID]int
	free  int
	each  int
}

func newPlaces(all, each int) *places {
	return &places{taken: make(map[peer.ID]int), free: all, each: each}
}

// enter takes a place; without one it says no rather than wait.
func (p *places) enter(id peer.ID) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.free == 0 || p.taken[id] >= p.each {
		return false
	}
	p.free--
	p.taken[id]++
	return true
}

func (p *places) leave(id peer.ID) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.free++
	if p.taken[id]--; p.taken[id] == 0 {
		delete(p.taken, id)
	}
}
