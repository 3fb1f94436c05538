package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	cachedPieceProtocol   = "/subspace/cached-piece-by-index/0.1.0"
	pieceProtocol         = "/subspace/piece-by-index/0.1.0"
	segmentHeaderProtocol = "/subspace/segment-headers-by-indexes/0.1.0"
	kademliaProtocol      = "/subspace/kad/0.1.0"

	pieceBytes      = 1_048_672
	maxRequestBytes = 1 << 20
	// maxPieceAnswer has room for a piece, or as many peers as may be named, and the indices beside them. The network
	// allows eight times as much, which nobody fills who means it well.
	maxPieceAnswer = 2 << 20
	// maxHeadersAnswer has room for maxSegmentHeaders headers, each of at most 98 bytes.
	maxHeadersAnswer = 128 << 10
	maxFindNodeBytes = 2 * pieceBytes
	// maxCachedPieces is how many further indices a request may carry; a server takes no more.
	maxCachedPieces = 128
	// maxSegmentHeaders is how many headers one request may name.
	maxSegmentHeaders = 1000
	maxPeers          = 20
	maxAddresses      = 30
)

var (
	// errRefused says that a stream ended without an answer.
	errRefused   = errors.New("refused")
	errMalformed = errors.New("malformed message")
)

// readFrame reads the one message of a stream: its length as unsigned LEB128, then itself. A stream that ends
// before its first byte is errRefused. Nothing is allocated for a length above limit.
func readFrame(r io.Reader, limit uint64) ([]byte, error) {
	reader := bufio.NewReader(r)
	if _, err := reader.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errRefused
		}
		return nil, err
	}
	length, err := binary.ReadUvarint(reader)
	if err != nil {
		return nil, err
	}
	if length > limit {
		return nil, fmt.Errorf("%w: %d bytes where %d are the most", errMalformed, length, limit)
	}
	message := make([]byte, length)
	if _, err := io.ReadFull(reader, message); err != nil {
		return nil, err
	}
	return message, nil
}

// writeFrame sends a message in one write: some transports cut a small write off from a large one.
func writeFrame(w io.Writer, message []byte) error {
	framed := binary.AppendUvarint(make([]byte, 0, len(message)+binary.MaxVarintLen64), uint64(len(message)))
	_, err := w.Write(append(framed, message...))
	return err
}

// pieceRequest is PieceByIndexRequest and CachedPieceByIndexRequest.
type pieceRequest struct {
	index uint64
	// cached are further pieces that the asking peer wants to know of.
	cached []uint64
}

func decodePieceRequest(message []byte) (pieceRequest, error) {
	in := scaleReader{rest: message}
	request := pieceRequest{index: in.u64()}
	request.cached = in.indices(maxRequestBytes / 8)
	if err := in.end(); err != nil {
		return request, err
	}
	if len(request.cached) > maxCachedPieces {
		request.cached = request.cached[:maxCachedPieces]
	}
	return request, nil
}

func encodePieceRequest(request pieceRequest) []byte {
	out := binary.LittleEndian.AppendUint64(nil, request.index)
	return appendIndices(out, request.cached)
}

// cachedPieceResponse is CachedPieceByIndexResponse: a piece, or peers that may have it.
type cachedPieceResponse struct {
	piece  []byte
	peers  []peer.AddrInfo
	cached []uint64
}

func encodeCachedPieceResponse(response cachedPieceResponse) []byte {
	var out []byte
	if response.piece != nil {
		out = appendPiece(make([]byte, 0, pieceBytes+16), 0, response.piece)
	} else {
		out = appendCompact([]byte{1}, uint64(len(response.peers)))
		for _, info := range response.peers {
			out = appendPeer(out, info)
		}
	}
	return appendIndices(out, response.cached)
}

func decodeCachedPieceResponse(message []byte) (cachedPieceResponse, error) {
	in := scaleReader{rest: message}
	var response cachedPieceResponse
	switch in.u8() {
	case 0:
		response.piece = in.piece()
	case 1:
		count := in.compact(maxPeers)
		for i := uint64(0); i < count && in.err == nil; i++ {
			response.peers = append(response.peers, in.peer())
		}
	default:
		in.fail()
	}
	response.cached = in.indices(maxCachedPieces)
	return response, in.end()
}

// encodePieceResponse is PieceByIndexResponse with a piece in it.
func encodePieceResponse(piece []byte, cached []uint64) []byte {
	return appendIndices(appendPiece(make([]byte, 0, pieceBytes+16), 1, piece), cached)
}

// decodePieceResponse returns nil where the peer answers that it does not have the piece.
func decodePieceResponse(message []byte) ([]byte, error) {
	in := scaleReader{rest: message}
	var piece []byte
	switch in.u8() {
	case 0:
	case 1:
		piece = in.piece()
	default:
		in.fail()
	}
	in.indices(maxCachedPieces)
	return piece, in.end()
}

// isSegmentHeaderRequest says whether a message is a SegmentHeaderRequest: indices, or how many of the last ones.
func isSegmentHeaderRequest(message []byte) bool {
	in := scaleReader{rest: message}
	switch in.u8() {
	case 0:
		in.indices(maxSegmentHeaders)
	case 1:
		in.take(4)
	default:
		in.fail()
	}
	return in.end() == nil
}

// isSegmentHeaders says whether a message is a SegmentHeaderResponse, whatever headers it holds.
func isSegmentHeaders(message []byte) bool {
	in := scaleReader{rest: message}
	for count := in.compact(maxSegmentHeaders); count > 0 && in.err == nil; count-- {
		version := in.u8()
		// Index, commitment, hash of the header before it, number of the last block.
		in.take(8 + 48 + 32 + 4)
		progress := in.u8()
		if progress == 1 {
			in.take(4)
		}
		if version != 0 || progress > 1 {
			in.fail()
		}
	}
	return in.end() == nil
}

func appendCompact(out []byte, value uint64) []byte {
	switch {
	case value < 1<<6:
		return append(out, byte(value<<2))
	case value < 1<<14:
		return binary.LittleEndian.AppendUint16(out, uint16(value<<2|1))
	default:
		return binary.LittleEndian.AppendUint32(out, uint32(value<<2|2))
	}
}

// appendPiece writes a variant that holds a piece; a piece stands as bytes with their number before them.
func appendPiece(out []byte, variant byte, piece []byte) []byte {
	return append(appendCompact(append(out, variant), uint64(len(piece))), piece...)
}

func appendIndices(out []byte, indices []uint64) []byte {
	out = appendCompact(out, uint64(len(indices)))
	for _, index := range indices {
		out = binary.LittleEndian.AppendUint64(out, index)
	}
	return out
}

// appendPeer writes a peer as ClosestPeers has it: its id as a SCALE multihash, then addresses that end in it.
func appendPeer(out []byte, info peer.AddrInfo) []byte {
	id := []byte(info.ID)
	code, codeSize := binary.Uvarint(id)
	size, sizeSize := binary.Uvarint(id[codeSize:])
	out = binary.LittleEndian.AppendUint64(out, code)
	out = append(append(out, byte(size)), id[codeSize+sizeSize:]...)
	addresses, _ := peer.AddrInfoToP2pAddrs(&info)
	out = appendCompact(out, uint64(len(addresses)))
	for _, address := range addresses {
		out = append(appendCompact(out, uint64(len(address.Bytes()))), address.Bytes()...)
	}
	return out
}

// scaleReader reads SCALE; the first mistake sticks, later reads give zeroes.
type scaleReader struct {
	rest []byte
	err  error
}

func (r *scaleReader) fail() {
	r.err = errMalformed
	r.rest = nil
}

func (r *scaleReader) take(count uint64) []byte {
	if r.err != nil || uint64(len(r.rest)) < count {
		r.fail()
		return nil
	}
	taken := r.rest[:count]
	r.rest = r.rest[count:]
	return taken
}

func (r *scaleReader) piece() []byte {
	if r.compact(pieceBytes) != pieceBytes {
		r.fail()
	}
	return r.take(pieceBytes)
}

func (r *scaleReader) u8() byte {
	if taken := r.take(1); taken != nil {
		return taken[0]
	}
	return 0
}

func (r *scaleReader) u64() uint64 {
	if taken := r.take(8); taken != nil {
		return binary.LittleEndian.Uint64(taken)
	}
	return 0
}

func (r *scaleReader) compact(limit uint64) uint64 {
	first := r.u8()
	var value uint64
	switch first & 3 {
	case 0:
		value = uint64(first >> 2)
	case 1:
		value = uint64(first)>>2 | uint64(r.u8())<<6
		if value < 1<<6 {
			r.fail()
		}
	case 2:
		for i, part := range r.take(3) {
			value |= uint64(part) << (8*i + 8)
		}
		value = (value | uint64(first)) >> 2
		if value < 1<<14 {
			r.fail()
		}
	default:
		r.fail()
	}
	if value > limit {
		r.fail()
	}
	if r.err != nil {
		return 0
	}
	return value
}

func (r *scaleReader) indices(limit uint64) []uint64 {
	count := r.compact(limit)
	if count*8 > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	indices := make([]uint64, 0, count)
	for i := uint64(0); i < count; i++ {
		indices = append(indices, r.u64())
	}
	return indices
}

func (r *scaleReader) peer() peer.AddrInfo {
	code := r.u64()
	digest := r.take(uint64(r.u8()))
	id := binary.AppendUvarint(nil, code)
	id = append(binary.AppendUvarint(id, uint64(len(digest))), digest...)
	info := peer.AddrInfo{ID: peer.ID(id)}
	if info.ID.Validate() != nil || (r.err == nil && !isPeerID(info.ID)) {
		r.fail()
	}
	count := r.compact(maxAddresses)
	if count == 0 {
		r.fail()
	}
	for i := uint64(0); i < count && r.err == nil; i++ {
		raw := r.take(r.compact(1024))
		address, err := multiaddr.NewMultiaddrBytes(raw)
		if err != nil {
			r.fail()
			break
		}
		transport, id := peer.SplitAddr(address)
		if id != info.ID || transport == nil {
			r.fail()
			break
		}
		info.Addrs = append(info.Addrs, transport)
	}
	return info
}

func (r *scaleReader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail()
	}
	return r.err
}

func isPeerID(id peer.ID) bool {
	_, err := peer.IDFromBytes([]byte(id))
	return err == nil
}

// pieceKey is a piece's key in the network: a multihash with code 0xb39910 whose digest is the index.
func pieceKey(index uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{0x90, 0xb2, 0xce, 0x05, 8}, index)
}

const findNodeType = 4

func encodeFindNode(key []byte) []byte {
	out := protowire.AppendTag(nil, 1, protowire.VarintType)
	out = protowire.AppendVarint(out, findNodeType)
	out = protowire.AppendTag(out, 2, protowire.BytesType)
	return protowire.AppendBytes(out, key)
}

func encodeFindNodeAnswer(peers []peer.AddrInfo) []byte {
	out := protowire.AppendTag(nil, 1, protowire.VarintType)
	out = protowire.AppendVarint(out, findNodeType)
	for _, info := range peers {
		entry := protowire.AppendTag(nil, 1, protowire.BytesType)
		entry = protowire.AppendBytes(entry, []byte(info.ID))
		for _, address := range info.Addrs {
			entry = protowire.AppendTag(entry, 2, protowire.BytesType)
			entry = protowire.AppendBytes(entry, address.Bytes())
		}
		out = protowire.AppendTag(out, 8, protowire.BytesType)
		out = protowire.AppendBytes(out, entry)
	}
	return out
}

// decodeFindNode reads a question's key or an answer's peers; a message of another type is errMalformed.
func decodeFindNode(message []byte) (key []byte, peers []peer.AddrInfo, err error) {
	kind := uint64(0)
	err = eachField(message, func(number protowire.Number, integer uint64, bytes []byte) error {
		switch number {
		case 1:
			kind = integer
		case 2:
			key = bytes
		case 8:
			if len(peers) == maxPeers {
				return nil
			}
			info, err := decodeFoundPeer(bytes)
			if err != nil {
				return err
			}
			peers = append(peers, info)
		}
		return nil
	})
	if err == nil && kind != findNodeType {
		err = errMalformed
	}
	return key, peers, err
}

func decodeFoundPeer(message []byte) (peer.AddrInfo, error) {
	var info peer.AddrInfo
	err := eachField(message, func(number protowire.Number, _ uint64, bytes []byte) error {
		switch number {
		case 1:
			id, err := peer.IDFromBytes(bytes)
			if err != nil {
				return errMalformed
			}
			info.ID = id
		case 2:
			address, err := multiaddr.NewMultiaddrBytes(bytes)
			if err != nil || len(info.Addrs) == maxAddresses {
				return nil // an address that this program cannot read is one it cannot use
			}
			if transport, _ := peer.SplitAddr(address); transport != nil {
				info.Addrs = append(info.Addrs, transport)
			}
		}
		return nil
	})
	if err == nil && info.ID == "" {
		err = errMalformed
	}
	return info, err
}

func eachField(message []byte, field func(number protowire.Number, integer uint64, bytes []byte) error) error {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return errMalformed
		}
		message = message[size:]
		var integer uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			integer, size = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			bytes, size = protowire.ConsumeBytes(message)
		default:
			size = protowire.ConsumeFieldValue(number, kind, message)
		}
		if size < 0 {
			return errMalformed
		}
		message = message[size:]
		if err := field(number, integer, bytes); err != nil {
			return err
		}
	}
	return nil
}
