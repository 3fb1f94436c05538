package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/multiformats/go-multiaddr"
)

const (
	requestTimeout = 20 * time.Second
	// questionTimeout is how long a question, which is short, may take to come.
	questionTimeout = 5 * time.Second
	searchTimeout   = 18 * time.Second
	lookupTimeout   = 10 * time.Second
	// maxAnswers bounds the requests that are answered at once: each may hold a piece in memory.
	maxAnswers = 64
	// maxAnswersEach bounds those of them that are one peer's, so that none keeps all others out.
	maxAnswersEach = 16
	alpha          = 3
	banAtFirst     = 5 * time.Second
	banAtMost      = 30 * time.Minute
	refillAtFirst  = time.Second
	refillAtMost   = time.Minute
	reconnectPause = 30 * time.Second
)

// gateway is a peer of the storage network that fetches for those who cannot dial TCP. It proves nothing about the
// bytes it passes on: whoever asked checks them.
type gateway struct {
	opts    options
	host    host.Host
	table   *table
	pieces  *lru.Cache[uint64, []byte]
	givers  *givers
	gate    *gate
	answers *places
	// ready is closed once the first peers were tried: before, nothing can be found.
	ready chan struct{}
	mutex sync.Mutex
	// searches under way by piece, so that two tabs that want one piece fetch it once.
	searches map[uint64]*search
}

// startGateway listens and registers the protocols; nobody is dialled yet.
func startGateway(opts options, key crypto.PrivKey) (*gateway, error) {
	pieces, err := lru.New[uint64, []byte](opts.cachePieces)
	if err != nil {
		return nil, err
	}
	g := &gateway{
		opts:     opts,
		table:    newTable(opts.allowPrivate),
		pieces:   pieces,
		givers:   newGivers(),
		gate:     newGate(opts.allowPrivate),
		answers:  newPlaces(maxAnswers, maxAnswersEach),
		ready:    make(chan struct{}),
		searches: make(map[uint64]*search),
	}
	settings := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.ListenAddrStrings(opts.listen...),
		libp2p.ProtocolVersion(g.version()),
		libp2p.UserAgent("allotment-gateway"),
		libp2p.ConnectionGater(g.gate),
		libp2p.Muxer(yamux.ID, wholePieces()),
	}
	if opts.relay {
		settings = append(settings,
			libp2p.EnableRelayService(relay.WithInfiniteLimits()), libp2p.ForceReachabilityPublic())
	} else {
		settings = append(settings, libp2p.DisableRelay())
	}
	g.host, err = libp2p.New(settings...)
	if err != nil {
		return nil, err
	}
	g.handle(cachedPieceProtocol, maxRequestBytes, g.answerCachedPiece)
	g.handle(pieceProtocol, maxRequestBytes, g.answerPiece)
	g.handle(segmentHeaderProtocol, maxRequestBytes, g.answerSegmentHeaders)
	g.handle(kademliaProtocol, maxFindNodeBytes, g.answerFindNode)
	g.handle(wrongPieceProtocol, wrongPieceBytes, g.hearOfWrongPiece)
	return g, nil
}

// answerWindow holds a piece and what goes with it, so that nobody who sends one has to wait for leave in the middle.
const answerWindow = 1_310_720

// wholePieces is the multiplexer with streams over which a piece comes without another word from here.
func wholePieces() *yamux.Transport {
	config := *yamux.DefaultTransport
	config.InitialStreamWindowSize = answerWindow
	return &config
}

func (g *gateway) version() string { return "/subspace/2/" + g.opts.genesis }

// addresses are the multiaddresses under which tabs reach this peer. Certificate hashes change while it runs.
func (g *gateway) addresses() []string {
	complete, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: g.host.ID(), Addrs: g.host.Addrs()})
	if err != nil {
		return nil
	}
	texts := make([]string, len(complete))
	for i, address := range complete {
		texts[i] = address.String()
	}
	return texts
}

// run keeps up with the network until the context ends.
func (g *gateway) run(ctx context.Context) error {
	events, err := g.host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerIdentificationFailed),
	})
	if err != nil {
		return err
	}
	defer events.Close()
	go g.stayConnected(ctx)
	go g.refill(ctx)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case happened := <-events.Out():
			if identified, ok := happened.(event.EvtPeerIdentificationCompleted); ok {
				g.identified(identified.Peer, identified.ProtocolVersion, identified.Protocols, identified.ListenAddrs)
			}
		}
	}
}

// identified bans a peer of another network for a while and remembers one that others may be sent to.
func (g *gateway) identified(id peer.ID, version string, protocols []protocol.ID, addrs []multiaddr.Multiaddr) {
	if version != g.version() {
		slog.Info("peer of another network", "peer", id, "says", version)
		g.gate.ban(id)
		g.table.remove(id)
		_ = g.host.Network().ClosePeer(id)
		return
	}
	g.gate.forgive(id)
	if slices.Contains(protocols, kademliaProtocol) {
		g.table.put(id, addrs)
	}
}

func (g *gateway) stayConnected(ctx context.Context) {
	for first := true; ctx.Err() == nil; first = false {
		var group sync.WaitGroup
		for _, info := range g.opts.peers {
			if g.host.Network().Connectedness(info.ID) != network.Connected {
				group.Go(func() { g.connect(ctx, info) })
			}
		}
		group.Wait()
		if first {
			close(g.ready)
		}
		pause(ctx, reconnectPause)
	}
}

// connect resolves once identify has said what the peer is.
func (g *gateway) connect(ctx context.Context, info peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	if err := g.host.Connect(ctx, info); err != nil {
		slog.Info("peer cannot be reached", "peer", info.ID, "error", err)
		return
	}
	version, _ := g.host.Peerstore().Get(info.ID, "ProtocolVersion")
	protocols, _ := g.host.Peerstore().GetProtocols(info.ID)
	text, _ := version.(string)
	g.identified(info.ID, text, protocols, g.host.Peerstore().Addrs(info.ID))
}

// refill asks for random places of the key space, ever more seldom, so that the table has peers everywhere.
func (g *gateway) refill(ctx context.Context) {
	for wait := refillAtFirst; ctx.Err() == nil; wait = min(2*wait, refillAtMost) {
		pause(ctx, wait)
		g.lookup(ctx, randomKey())
	}
}

func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

func randomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // does not fail
	return key
}

// lookup finds the peers closest to a key by asking ever closer ones.
func (g *gateway) lookup(ctx context.Context, key []byte) []peer.AddrInfo {
	target := sha256.Sum256(key)
	near := g.table.closest(key, maxPeers, g.host.ID())
	asked := make(map[peer.ID]bool)
	for ctx.Err() == nil {
		var next []peer.AddrInfo
		for _, info := range near {
			if !asked[info.ID] && len(next) < alpha {
				next = append(next, info)
				asked[info.ID] = true
			}
		}
		if len(next) == 0 {
			break
		}
		found := make([][]peer.AddrInfo, len(next))
		var group sync.WaitGroup
		for i, info := range next {
			group.Go(func() { found[i] = g.findNode(ctx, info, key) })
		}
		group.Wait()
		near = g.merge(near, slices.Concat(found...))
		sortByDistance(near, target)
		near = near[:min(maxPeers, len(near))]
	}
	return near
}

func (g *gateway) findNode(ctx context.Context, info peer.AddrInfo, key []byte) []peer.AddrInfo {
	answer, err := g.ask(ctx, info, kademliaProtocol, encodeFindNode(key), maxFindNodeBytes)
	if err != nil {
		return nil
	}
	_, peers, err := decodeFindNode(answer)
	if err != nil {
		g.gate.ban(info.ID)
		return nil
	}
	return peers
}

// merge adds peers that are not known yet and can be dialled.
func (g *gateway) merge(known, found []peer.AddrInfo) []peer.AddrInfo {
	for _, info := range found {
		same := func(other peer.AddrInfo) bool { return other.ID == info.ID }
		if info.ID == g.host.ID() || slices.ContainsFunc(known, same) {
			continue
		}
		if info.Addrs = g.table.usable(info.Addrs); len(info.Addrs) > 0 {
			known = append(known, info)
		}
	}
	return known
}

// ask sends one question to a peer and reads its answer; a refusal is errRefused. A peer that cannot be reached is
// forgotten until it is heard of again.
func (g *gateway) ask(asking context.Context, info peer.AddrInfo, name string, question []byte, limit uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(asking, lookupTimeout)
	defer cancel()
	if g.host.Network().Connectedness(info.ID) != network.Connected {
		if err := g.host.Connect(ctx, info); err != nil {
			if asking.Err() == nil {
				g.table.remove(info.ID)
			}
			return nil, err
		}
	}
	stream, err := g.host.NewStream(ctx, info.ID, protocol.ID(name))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.Reset() })
	defer stop()
	if err := writeFrame(stream, question); err != nil {
		_ = stream.Reset()
		return nil, err
	}
	_ = stream.CloseWrite()
	answer, err := readFrame(stream, limit)
	if err != nil {
		_ = stream.Reset()
		if errors.Is(err, errMalformed) {
			g.gate.ban(info.ID)
		}
		return nil, err
	}
	_ = stream.Close()
	return answer, nil
}

// handle answers questions of a protocol; no answer, or too much to do, is a refusal.
func (g *gateway) handle(name string, limit uint64, answer func(ctx context.Context, from peer.ID, question []byte) []byte) {
	g.host.SetStreamHandler(protocol.ID(name), func(stream network.Stream) {
		defer stream.Close()
		from := stream.Conn().RemotePeer()
		if !g.answers.enter(from) {
			return
		}
		defer g.answers.leave(from)
		_ = stream.SetDeadline(time.Now().Add(requestTimeout))
		_ = stream.SetReadDeadline(time.Now().Add(questionTimeout))
		question, err := readFrame(stream, limit)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), searchTimeout)
		defer cancel()
		if reply := answer(ctx, from, question); reply != nil {
			if writeFrame(stream, reply) != nil {
				_ = stream.Reset()
			}
		}
	})
}

func (g *gateway) answerCachedPiece(ctx context.Context, from peer.ID, question []byte) []byte {
	request, err := decodePieceRequest(question)
	if err != nil {
		return nil
	}
	response := cachedPieceResponse{piece: g.piece(ctx, request.index, false, from), cached: g.cachedOf(request)}
	if response.piece == nil {
		response.peers = g.table.closest(pieceKey(request.index), maxPeers, from)
	}
	return encodeCachedPieceResponse(response)
}

func (g *gateway) answerPiece(ctx context.Context, from peer.ID, question []byte) []byte {
	request, err := decodePieceRequest(question)
	if err != nil {
		return nil
	}
	piece := g.piece(ctx, request.index, true, from)
	if piece == nil {
		return nil
	}
	return encodePieceResponse(piece, g.cachedOf(request))
}

// answerSegmentHeaders passes question and answer on: the headers are checked by whoever asked. What is none would make
// this peer look like the one that made it up.
func (g *gateway) answerSegmentHeaders(ctx context.Context, from peer.ID, question []byte) []byte {
	if !isSegmentHeaderRequest(question) {
		return nil
	}
	select {
	case <-g.ready:
	case <-ctx.Done():
	}
	for _, info := range g.table.closest(randomKey(), alpha, from) {
		answer, err := g.ask(ctx, info, segmentHeaderProtocol, question, maxHeadersAnswer)
		if err != nil {
			continue
		}
		if isSegmentHeaders(answer) {
			return answer
		}
		g.gate.ban(info.ID)
	}
	return nil
}

func (g *gateway) answerFindNode(_ context.Context, from peer.ID, question []byte) []byte {
	key, _, err := decodeFindNode(question)
	if err != nil {
		return nil
	}
	return encodeFindNodeAnswer(g.table.closest(key, maxPeers, from))
}

func (g *gateway) cachedOf(request pieceRequest) []uint64 {
	return slices.DeleteFunc(request.cached, func(index uint64) bool { return !g.pieces.Contains(index) })
}

// gate keeps banned peers out and, unless private addresses are allowed, does not dial them.
type gate struct {
	private bool
	mutex   sync.Mutex
	bans    map[peer.ID]ban
}

type ban struct {
	until  time.Time
	length time.Duration
}

func newGate(private bool) *gate { return &gate{private: private, bans: make(map[peer.ID]ban)} }

// ban keeps a peer away for a while, half as long again each time.
func (g *gate) ban(id peer.ID) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	length := banAtFirst
	if last, known := g.bans[id]; known {
		length = min(last.length*3/2, banAtMost)
	}
	if len(g.bans) >= maxTable {
		for old, entry := range g.bans {
			if time.Now().After(entry.until) {
				delete(g.bans, old)
			}
		}
	}
	g.bans[id] = ban{until: time.Now().Add(length), length: length}
}

func (g *gate) forgive(id peer.ID) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	delete(g.bans, id)
}

func (g *gate) allowed(id peer.ID) bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	entry, banned := g.bans[id]
	return !banned || time.Now().After(entry.until)
}

func (g *gate) InterceptPeerDial(id peer.ID) bool { return g.allowed(id) }
func (g *gate) InterceptAddrDial(_ peer.ID, address multiaddr.Multiaddr) bool {
	return g.private || isPublic(address)
}
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool { return true }
func (g *gate) InterceptSecured(_ network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	return g.allowed(id)
}
func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

func (g *gateway) close() error {
	if err := g.host.Close(); err != nil {
		return fmt.Errorf("stopping the peer: %w", err)
	}
	return nil
}
