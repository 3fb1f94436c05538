package main

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// maxAsked bounds the peers that one search asks for a piece.
	maxAsked = 24
	// maxTabs bounds the tabs among them: each piece may be in none.
	maxTabs = 8
	// tabPatience is how long one tab is waited for before the next is asked too: closed ones say nothing for a while.
	tabPatience = time.Second
	// randomWalks looks for peers that have a piece in their plots.
	randomWalks = 3
)

type search struct {
	done  chan struct{}
	piece []byte
	// deep says that plots are asked too, not caches alone.
	deep bool
}

// foundPiece is a piece, nil where nobody had it, and who gave it.
type foundPiece struct {
	piece []byte
	from  peer.ID
}

// piece is a piece out of the cache or from the network, or nil. A search that is under way already is waited for.
func (g *gateway) piece(ctx context.Context, index uint64, deep bool, from peer.ID) []byte {
	if piece, ok := g.pieces.Get(index); ok {
		return piece
	}
	g.mutex.Lock()
	running := g.searches[index]
	if running != nil && (running.deep || !deep) {
		g.mutex.Unlock()
		select {
		case <-running.done:
			return running.piece
		case <-ctx.Done():
			return nil
		}
	}
	started := &search{done: make(chan struct{}), deep: deep}
	g.searches[index] = started
	g.mutex.Unlock()
	found := g.find(ctx, index, deep, from)
	if started.piece = found.piece; started.piece != nil {
		g.givers.note(index, found)
		g.pieces.Add(index, started.piece)
	}
	close(started.done)
	g.mutex.Lock()
	if g.searches[index] == started {
		delete(g.searches, index)
	}
	g.mutex.Unlock()
	return started.piece
}

// find asks caches close to the piece first and, for a deep search, then plots of whoever can be found. Who gave wrong
// pieces is asked at the very end of a deep search.
func (g *gateway) find(ctx context.Context, index uint64, deep bool, from peer.ID) foundPiece {
	select {
	case <-g.ready:
	case <-ctx.Done():
		return foundPiece{}
	}
	key := pieceKey(index)
	target := sha256.Sum256(key)
	queue := g.merge(g.table.closest(key, maxPeers, from), g.lookup(ctx, key))
	question := encodePieceRequest(pieceRequest{index: index})
	asked := map[peer.ID]bool{from: true}
	for count := 0; count < maxAsked && ctx.Err() == nil; count++ {
		sortByDistance(queue, target)
		at := slices.IndexFunc(queue, func(info peer.AddrInfo) bool {
			return !asked[info.ID] && !g.givers.doubts(info.ID)
		})
		if at < 0 {
			break
		}
		info := queue[at]
		asked[info.ID] = true
		answer, err := g.ask(ctx, info, cachedPieceProtocol, question, maxPieceAnswer)
		if err != nil {
			continue
		}
		response, err := decodeCachedPieceResponse(answer)
		if err != nil {
			g.gate.ban(info.ID)
			continue
		}
		if response.piece != nil {
			return foundPiece{slices.Clone(response.piece), info.ID}
		}
		queue = g.merge(queue, response.peers)
	}
	tabs := g.tabs(target, from)
	if found := g.findAtTabs(ctx, tabs, question, deep); found.piece != nil || !deep {
		return found
	}
	if found := g.findInPlots(ctx, question, from); found.piece != nil {
		return found
	}
	return g.findAtDoubted(ctx, append(queue, tabs...), question, from)
}

// findAtDoubted asks those who gave wrong pieces: nobody else has this one.
func (g *gateway) findAtDoubted(ctx context.Context, peers []peer.AddrInfo, question []byte, from peer.ID) foundPiece {
	for _, info := range peers {
		if info.ID == from || !g.givers.doubts(info.ID) || ctx.Err() != nil {
			continue
		}
		if piece := g.askForPiece(ctx, info, question, true); piece != nil {
			return foundPiece{piece, info.ID}
		}
	}
	return foundPiece{}
}

// tabs are the connected peers that nobody can look up, such as tabs, the nearest first.
func (g *gateway) tabs(target [32]byte, from peer.ID) []peer.AddrInfo {
	var tabs []peer.AddrInfo
	for _, id := range g.host.Network().Peers() {
		known, err := g.host.Peerstore().SupportsProtocols(id, cachedPieceProtocol, kademliaProtocol)
		if err == nil && id != from && slices.Equal(known, []protocol.ID{cachedPieceProtocol}) {
			tabs = append(tabs, peer.AddrInfo{ID: id})
		}
	}
	sortByDistance(tabs, target)
	return tabs
}

// findAtTabs asks tabs over the connections that they opened.
func (g *gateway) findAtTabs(ctx context.Context, tabs []peer.AddrInfo, question []byte, deep bool) foundPiece {
	tabs = slices.DeleteFunc(slices.Clone(tabs), func(info peer.AddrInfo) bool { return g.givers.doubts(info.ID) })
	tabs = tabs[:min(maxTabs, len(tabs))]
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan foundPiece, len(tabs))
	for asked, answered := 0, 0; answered < len(tabs); {
		var patience <-chan time.Time
		if asked < len(tabs) {
			info := tabs[asked]
			asked++
			go func() { answers <- foundPiece{g.askForPiece(ctx, info, question, deep), info.ID} }()
			patience = time.After(tabPatience)
		}
		select {
		case found := <-answers:
			if found.piece != nil {
				return found
			}
			answered++
		case <-patience:
		case <-ctx.Done():
			return foundPiece{}
		}
	}
	return foundPiece{}
}

// askForPiece asks a peer for a piece out of its cache or, for a deep search, out of its plots too.
func (g *gateway) askForPiece(ctx context.Context, info peer.AddrInfo, question []byte, deep bool) []byte {
	name := cachedPieceProtocol
	decode := func(answer []byte) ([]byte, error) {
		response, err := decodeCachedPieceResponse(answer)
		return response.piece, err
	}
	if deep {
		name, decode = pieceProtocol, decodePieceResponse
	}
	answer, err := g.ask(ctx, info, name, question, maxPieceAnswer)
	if err != nil {
		return nil
	}
	piece, err := decode(answer)
	if err != nil {
		g.gate.ban(info.ID)
	}
	return slices.Clone(piece)
}

func (g *gateway) findInPlots(ctx context.Context, question []byte, from peer.ID) foundPiece {
	asked := map[peer.ID]bool{from: true}
	for walk := 0; walk <= randomWalks && ctx.Err() == nil; walk++ {
		candidates := g.table.closest(randomKey(), maxPeers, from)
		if walk > 0 {
			candidates = g.lookup(ctx, randomKey())
		}
		for _, info := range candidates {
			if asked[info.ID] || g.givers.doubts(info.ID) || ctx.Err() != nil {
				continue
			}
			asked[info.ID] = true
			if piece := g.askForPiece(ctx, info, question, true); piece != nil {
				return foundPiece{piece, info.ID}
			}
		}
	}
	return foundPiece{}
}
