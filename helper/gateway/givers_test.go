package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

func wrongPiece(index uint64, piece []byte) []byte {
	sum := sha256.Sum256(piece)
	return append(binary.LittleEndian.AppendUint64(nil, index), sum[:]...)
}

// nearest is a peer that is nearer to a piece than the others are.
func nearest(t *testing.T, index uint64, others []peer.AddrInfo, cached map[uint64][]byte) peer.AddrInfo {
	t.Helper()
	target := sha256.Sum256(pieceKey(index))
	for {
		h, info := tcpPeer(t, genesis, cached, cached)
		order := append([]peer.AddrInfo{info}, others...)
		sortByDistance(order, target)
		if order[0].ID == info.ID {
			return info
		}
		_ = h.Close()
	}
}

func TestAPieceThatWasWrongIsForgottenAndItsGiverAskedLast(t *testing.T) {
	_, honest := tcpPeer(t, genesis, map[uint64][]byte{3: pieceOf(3)}, map[uint64][]byte{9: pieceOf(9)})
	lies := map[uint64][]byte{3: pieceOf(66), 5: pieceOf(5), 9: pieceOf(67)}
	liar := nearest(t, 3, []peer.AddrInfo{honest}, lies)
	g := newGateway(t, honest, liar)
	cached := func(index uint64) []byte {
		t.Helper()
		answer, err := ask(t, g, "/tcp/", cachedPieceProtocol, encodePieceRequest(pieceRequest{index: index}))
		if err != nil {
			t.Fatal(err)
		}
		response, err := decodeCachedPieceResponse(answer)
		if err != nil {
			t.Fatal(err)
		}
		return response.piece
	}
	tell := func(question []byte, expected byte) {
		t.Helper()
		answer, err := ask(t, g, "/tcp/", wrongPieceProtocol, question)
		if err != nil || !bytes.Equal(answer, []byte{expected}) {
			t.Fatal(answer, err)
		}
	}

	if !bytes.Equal(cached(3), pieceOf(66)) {
		t.Fatal("the liar is the nearest, and was not asked first")
	}
	// Nobody can have a piece forgotten that did not come from here.
	tell(wrongPiece(3, pieceOf(3)), 0)
	tell(wrongPiece(4, pieceOf(66)), 0)
	if _, kept := g.pieces.Get(3); !kept || g.givers.doubts(liar.ID) {
		t.Fatal("somebody who did not say which piece was believed")
	}

	tell(wrongPiece(3, pieceOf(66)), 1)
	if !bytes.Equal(cached(3), pieceOf(3)) {
		t.Fatal("the wrong piece is given again")
	}
	if cached(9) != nil {
		t.Fatal("the liar's cache is asked before the plots of others")
	}
	if piece := g.piece(context.Background(), 9, true, ""); !bytes.Equal(piece, pieceOf(9)) {
		t.Fatal("the plots of others are not asked first")
	}
	if piece := g.piece(context.Background(), 5, true, ""); !bytes.Equal(piece, pieceOf(5)) {
		t.Fatal("what nobody else has is not asked of it any more")
	}
}

func TestWhatIsNoWordOfAWrongPieceIsRefused(t *testing.T) {
	_, info := tcpPeer(t, genesis, nil, nil)
	g := newGateway(t, info)
	for _, question := range [][]byte{{}, make([]byte, wrongPieceBytes-1)} {
		if answer, err := ask(t, g, "/tcp/", wrongPieceProtocol, question); err != errRefused {
			t.Fatal(answer, err)
		}
	}
}
