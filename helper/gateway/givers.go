package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// wrongPieceProtocol is this project's own: a peer tells that a piece from here was not the right one. The question
	// is the piece's index (u64, little-endian) and the SHA-256 of what came; the answer is one byte, 1 if it came from
	// here.
	wrongPieceProtocol = "/allotment/wrong-piece/0.1.0"
	wrongPieceBytes    = 8 + sha256.Size
	// maxGivers bounds the pieces whose givers are remembered, and the peers that are doubted.
	maxGivers = 4096
)

// givers remembers whom pieces came from that were passed on unchecked, and who gave what others found to be wrong.
// Anybody may say so of a piece that came from here, truly or not: no more follows from it than that the piece is
// looked for anew, and that its giver is asked after all others from then on.
type givers struct {
	of      *lru.Cache[uint64, given]
	doubted *lru.Cache[peer.ID, struct{}]
}

type given struct {
	sum  [sha256.Size]byte
	from peer.ID
}

func newGivers() *givers {
	// Only a size below one is an error.
	of, _ := lru.New[uint64, given](maxGivers)
	doubted, _ := lru.New[peer.ID, struct{}](maxGivers)
	return &givers{of, doubted}
}

func (g *givers) note(index uint64, found foundPiece) {
	g.of.Add(index, given{sha256.Sum256(found.piece), found.from})
}

// blame takes note that a piece was wrong, and says whether it is the one that was given.
func (g *givers) blame(index uint64, sum [sha256.Size]byte) bool {
	last, known := g.of.Get(index)
	if !known || last.sum != sum {
		return false
	}
	slog.Info("a piece was wrong", "piece", index, "from", last.from)
	g.doubted.Add(last.from, struct{}{})
	g.of.Remove(index)
	return true
}

// doubts says whether a peer gave a piece that was wrong.
func (g *givers) doubts(id peer.ID) bool { return g.doubted.Contains(id) }

// hearOfWrongPiece forgets a piece that whoever checked it found to be wrong.
func (g *gateway) hearOfWrongPiece(_ context.Context, _ peer.ID, question []byte) []byte {
	if len(question) != wrongPieceBytes {
		return nil
	}
	index := binary.LittleEndian.Uint64(question)
	if !g.givers.blame(index, [sha256.Size]byte(question[8:])) {
		return []byte{0}
	}
	g.pieces.Remove(index)
	return []byte{1}
}
