package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
)

var genesis = strings.Repeat("ab", 32)

func newKey(t *testing.T) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// tcpPeer is a peer as native ones are: TCP only, with some pieces.
func tcpPeer(t *testing.T, of string, cached map[uint64][]byte, plotted map[uint64][]byte) (host.Host, peer.AddrInfo) {
	t.Helper()
	h, err := libp2p.New(
		libp2p.NoTransports, libp2p.DefaultTransports, libp2p.DisableRelay(),
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.ProtocolVersion("/subspace/2/"+of))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	serve := func(name string, answer func(pieceRequest) []byte) {
		h.SetStreamHandler(protocol.ID(name), func(stream network.Stream) {
			defer stream.Close()
			question, err := readFrame(stream, maxRequestBytes)
			if err != nil {
				return
			}
			request, err := decodePieceRequest(question)
			if err != nil {
				return
			}
			if reply := answer(request); reply != nil {
				_ = writeFrame(stream, reply)
			}
		})
	}
	serve(cachedPieceProtocol, func(request pieceRequest) []byte {
		return encodeCachedPieceResponse(cachedPieceResponse{piece: cached[request.index]})
	})
	serve(pieceProtocol, func(request pieceRequest) []byte {
		if piece := plotted[request.index]; piece != nil {
			return encodePieceResponse(piece, nil)
		}
		return nil
	})
	h.SetStreamHandler(segmentHeaderProtocol, func(stream network.Stream) {
		defer stream.Close()
		if question, err := readFrame(stream, maxRequestBytes); err == nil {
			// As many as a request for the last ones names.
			headers := bytes.Repeat(headerOf(7), int(question[1]))
			_ = writeFrame(stream, append(appendCompact(nil, uint64(question[1])), headers...))
		}
	})
	h.SetStreamHandler(kademliaProtocol, func(stream network.Stream) {
		defer stream.Close()
		if _, err := readFrame(stream, maxFindNodeBytes); err == nil {
			_ = writeFrame(stream, encodeFindNodeAnswer(nil))
		}
	})
	return h, peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()}
}

// headerOf is a segment header of version 0 that ends with a whole block, every byte of its content the same.
func headerOf(filling byte) []byte {
	content := bytes.Repeat([]byte{filling}, 92)
	return append(append([]byte{0}, content...), 0)
}

func newGateway(t *testing.T, peers ...peer.AddrInfo) *gateway {
	t.Helper()
	g, err := startGateway(options{
		genesis: genesis, peers: peers, listen: defaultListen(0), cachePieces: 4, allowPrivate: true,
	}, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _ = g.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		_ = g.close()
	})
	deadline := time.Now().Add(60 * time.Second)
	for len(g.table.closest(nil, maxPeers, "")) < len(peers) && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	return g
}

// ask asks a gateway over one of its transports.
func ask(t *testing.T, g *gateway, transport, name string, question []byte) ([]byte, error) {
	t.Helper()
	client, err := libp2p.New(libp2p.NoListenAddrs, libp2p.ProtocolVersion("/subspace/2/"+genesis))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var addrs []multiaddr.Multiaddr
	for _, address := range g.host.Addrs() {
		if strings.Contains(address.String(), transport) {
			addrs = append(addrs, address)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := client.Connect(ctx, peer.AddrInfo{ID: g.host.ID(), Addrs: addrs}); err != nil {
		t.Fatal(err)
	}
	stream, err := client.NewStream(ctx, g.host.ID(), protocol.ID(name))
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFrame(stream, question); err != nil {
		t.Fatal(err)
	}
	_ = stream.CloseWrite()
	return readFrame(stream, maxPieceAnswer)
}

func pieceOf(filling byte) []byte { return bytes.Repeat([]byte{filling}, pieceBytes) }

func TestPiecesOfTCPPeersArriveOverEveryTransport(t *testing.T) {
	piece := pieceOf(7)
	_, info := tcpPeer(t, genesis, map[uint64][]byte{3: piece}, nil)
	for _, transport := range []string{"/webtransport", "/webrtc-direct", "/ws", "/tcp/"} {
		t.Run(transport, func(t *testing.T) {
			g := newGateway(t, info)
			answer, err := ask(t, g, transport, cachedPieceProtocol, encodePieceRequest(pieceRequest{index: 3}))
			if err != nil {
				t.Fatal(err)
			}
			response, err := decodeCachedPieceResponse(answer)
			if err != nil || !bytes.Equal(response.piece, piece) {
				t.Fatalf("another piece, or none: %v", err)
			}
		})
	}
}

func TestAPlottedPieceIsFoundAndKept(t *testing.T) {
	piece := pieceOf(9)
	source, info := tcpPeer(t, genesis, nil, map[uint64][]byte{300: piece})
	g := newGateway(t, info)
	question := encodePieceRequest(pieceRequest{index: 300})
	answer, err := ask(t, g, "/ws", cachedPieceProtocol, question)
	if err != nil {
		t.Fatal(err)
	}
	response, err := decodeCachedPieceResponse(answer)
	if err != nil || response.piece != nil || len(response.peers) != 1 || response.peers[0].ID != source.ID() {
		t.Fatalf("caches do not have it, the closest peer is to be named: %v %v", response.peers, err)
	}
	answer, err = ask(t, g, "/ws", pieceProtocol, question)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := decodePieceResponse(answer); err != nil || !bytes.Equal(found, piece) {
		t.Fatalf("another piece, or none: %v", err)
	}
	_ = source.Close()
	answer, err = ask(t, g, "/ws", cachedPieceProtocol, question)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := decodeCachedPieceResponse(answer); err != nil || !bytes.Equal(response.piece, piece) {
		t.Fatalf("the piece was not kept: %v", err)
	}
}

// tab is a peer that listens nowhere and cannot be looked up, connected to a gateway over one of its transports.
func tab(t *testing.T, g *gateway, transport string, pieces map[uint64][]byte) {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.ProtocolVersion("/subspace/2/"+genesis))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	h.SetStreamHandler(cachedPieceProtocol, func(stream network.Stream) {
		defer stream.Close()
		if question, err := readFrame(stream, maxRequestBytes); err == nil {
			request, _ := decodePieceRequest(question)
			_ = writeFrame(stream, encodeCachedPieceResponse(cachedPieceResponse{piece: pieces[request.index]}))
		}
	})
	h.SetStreamHandler(pieceProtocol, func(stream network.Stream) {
		defer stream.Close()
		if question, err := readFrame(stream, maxRequestBytes); err == nil {
			request, _ := decodePieceRequest(question)
			if piece := pieces[request.index]; piece != nil {
				_ = writeFrame(stream, encodePieceResponse(piece, nil))
			}
		}
	})
	join(t, h, g, transport)
}

// silentTab is a tab that takes questions and says nothing until the channel is closed.
func silentTab(t *testing.T, g *gateway) chan struct{} {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.ProtocolVersion("/subspace/2/"+genesis))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	until := make(chan struct{})
	h.SetStreamHandler(cachedPieceProtocol, func(stream network.Stream) {
		<-until
		_ = stream.Reset()
	})
	join(t, h, g, "/ws")
	return until
}

// join connects a tab to a gateway over one of its transports, and waits until the gateway knows what it speaks.
func join(t *testing.T, h host.Host, g *gateway, transport string) {
	t.Helper()
	var addrs []multiaddr.Multiaddr
	for _, address := range g.host.Addrs() {
		if strings.Contains(address.String(), transport) {
			addrs = append(addrs, address)
		}
	}
	if err := h.Connect(context.Background(), peer.AddrInfo{ID: g.host.ID(), Addrs: addrs}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		if known, _ := g.host.Peerstore().SupportsProtocols(h.ID(), cachedPieceProtocol); len(known) > 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the tab was not identified")
}

func TestPiecesOfTabsReachOthersOverEveryTransport(t *testing.T) {
	for _, transport := range []string{"/webtransport", "/webrtc-direct", "/ws"} {
		t.Run(transport, func(t *testing.T) {
			g := newGateway(t)
			tab(t, g, transport, map[uint64][]byte{8: pieceOf(8), 9: pieceOf(9)})
			tab(t, g, "/ws", nil)
			answer, err := ask(t, g, "/tcp/", cachedPieceProtocol, encodePieceRequest(pieceRequest{index: 8}))
			if err != nil {
				t.Fatal(err)
			}
			if found, err := decodeCachedPieceResponse(answer); err != nil || !bytes.Equal(found.piece, pieceOf(8)) {
				t.Fatalf("another piece, or none: %v", err)
			}
			answer, err = ask(t, g, "/tcp/", pieceProtocol, encodePieceRequest(pieceRequest{index: 9}))
			if err != nil {
				t.Fatal(err)
			}
			if found, err := decodePieceResponse(answer); err != nil || !bytes.Equal(found, pieceOf(9)) {
				t.Fatalf("another piece, or none: %v", err)
			}
			if _, err := ask(t, g, "/tcp/", pieceProtocol, encodePieceRequest(pieceRequest{index: 10})); err != errRefused {
				t.Fatalf("refusal expected, not %v", err)
			}
		})
	}
}

func TestTabsThatSayNothingAreNotWaitedFor(t *testing.T) {
	g := newGateway(t)
	for range 3 {
		silent := silentTab(t, g)
		defer close(silent)
	}
	tab(t, g, "/ws", map[uint64][]byte{8: pieceOf(8)})
	began := time.Now()
	answer, err := ask(t, g, "/tcp/", cachedPieceProtocol, encodePieceRequest(pieceRequest{index: 8}))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := decodeCachedPieceResponse(answer); err != nil || !bytes.Equal(found.piece, pieceOf(8)) {
		t.Fatalf("another piece, or none: %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Fatalf("it took %s", took)
	}
}

func TestAMissingPieceIsRefused(t *testing.T) {
	_, info := tcpPeer(t, genesis, nil, nil)
	g := newGateway(t, info)
	if _, err := ask(t, g, "/ws", pieceProtocol, encodePieceRequest(pieceRequest{index: 5})); err != errRefused {
		t.Fatalf("refusal expected, not %v", err)
	}
}

func TestSegmentHeadersPassThrough(t *testing.T) {
	_, info := tcpPeer(t, genesis, nil, nil)
	g := newGateway(t, info)
	answer, err := ask(t, g, "/ws", segmentHeaderProtocol, []byte{1, 2, 0, 0, 0})
	if err != nil || !bytes.Equal(answer, append([]byte{8}, bytes.Repeat(headerOf(7), 2)...)) {
		t.Fatalf("%q %v", answer, err)
	}
}

func TestAPeerOfAnotherNetworkIsNotAsked(t *testing.T) {
	_, info := tcpPeer(t, strings.Repeat("cd", 32), map[uint64][]byte{3: pieceOf(1)}, nil)
	g, err := startGateway(options{
		genesis: genesis, peers: []peer.AddrInfo{info}, listen: defaultListen(0), cachePieces: 4, allowPrivate: true,
	}, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { _ = g.run(ctx) }()
	deadline := time.Now().Add(60 * time.Second)
	for g.gate.allowed(info.ID) {
		if time.Now().After(deadline) {
			t.Fatal("the peer was not banned")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(g.table.closest(nil, maxPeers, "")) != 0 {
		t.Fatal("the peer is passed on to others")
	}
}

func TestPrivateAddressesAreNotDialledUnlessAllowed(t *testing.T) {
	closed, open := newGate(false), newGate(true)
	for _, text := range []string{"/ip4/127.0.0.1/tcp/1", "/ip4/10.1.2.3/tcp/1", "/ip6/::1/tcp/1"} {
		address := multiaddr.StringCast(text)
		if closed.InterceptAddrDial("", address) || !open.InterceptAddrDial("", address) {
			t.Error(text)
		}
	}
	if !closed.InterceptAddrDial("", multiaddr.StringCast("/ip4/8.8.8.8/tcp/1")) {
		t.Error("public addresses are dialled")
	}
}

func TestKnownBytes(t *testing.T) {
	request := pieceRequest{index: 1, cached: []uint64{2, 300}}
	const requestHex = "01000000000000000802000000000000002c01000000000000"
	if got := hex.EncodeToString(encodePieceRequest(request)); got != requestHex {
		t.Error(got)
	}
	var framed bytes.Buffer
	_ = writeFrame(&framed, encodeFindNode(pieceKey(1)))
	if got := hex.EncodeToString(framed.Bytes()); got != "110804120d90b2ce05080100000000000000" {
		t.Error(got)
	}
	if _, peers, err := decodeFindNode([]byte{8, 4, 0x50, 9}); err != nil || len(peers) != 0 {
		t.Error(peers, err)
	}
	if _, _, err := decodeFindNode([]byte{8, 5}); err == nil {
		t.Error("another type is refused")
	}
}

func TestDamagedMessagesAreRefused(t *testing.T) {
	id, err := peer.IDFromPrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	whole := encodeCachedPieceResponse(cachedPieceResponse{
		peers:  []peer.AddrInfo{{ID: id, Addrs: []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/1.2.3.4/tcp/30433")}}},
		cached: []uint64{7},
	})
	back, err := decodeCachedPieceResponse(whole)
	if err != nil || len(back.peers) != 1 || back.peers[0].ID != id || back.cached[0] != 7 {
		t.Fatal(back, err)
	}
	for length := range whole {
		if _, err := decodeCachedPieceResponse(whole[:length]); err == nil {
			t.Errorf("the first %d bytes were taken for the whole", length)
		}
	}
	if _, err := decodeCachedPieceResponse(append(whole, 0)); err == nil {
		t.Error("a byte after the end was taken")
	}
	if _, err := readFrame(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff, 0x7f}), 100); err == nil {
		t.Error("a length above the limit was taken")
	}
	if _, err := readFrame(bytes.NewReader(nil), 100); err != errRefused {
		t.Error("an empty stream is a refusal")
	}
}

func FuzzDecoders(f *testing.F) {
	f.Add([]byte{1, 4, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		_, _ = decodePieceRequest(message)
		_, _ = decodeCachedPieceResponse(message)
		_, _ = decodePieceResponse(message)
		_, _, _ = decodeFindNode(message)
	})
}

const testCode = "ABCDEFGHIJKLMNOP"

func startBridge(t *testing.T, private bool) string {
	t.Helper()
	addresses := func() []string { return []string{"/ip4/127.0.0.1/tcp/1/ws"} }
	server := httptest.NewServer(newBridge(options{allowPrivate: private}, testCode, addresses).handler())
	t.Cleanup(server.Close)
	return server.URL
}

func openBridge(t *testing.T, base, origin string, request openRequest) (*websocket.Conn, openAnswer) {
	t.Helper()
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	socket, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(base, "http")+"/bridge", header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	if err := socket.WriteJSON(request); err != nil {
		t.Fatal(err)
	}
	var answer openAnswer
	if err := socket.ReadJSON(&answer); err != nil {
		t.Fatal(err)
	}
	return socket, answer
}

func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(connection, connection) }()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return "/ip4/127.0.0.1/tcp/" + port
}

func TestTheBridgePassesBytes(t *testing.T) {
	socket, answer := openBridge(t, startBridge(t, true), "http://localhost:4173", openRequest{testCode, echo(t)})
	if !answer.Open {
		t.Fatal(answer)
	}
	sent := make([]byte, 300_000)
	_, _ = rand.Read(sent)
	go func() {
		for at := 0; at < len(sent); at += 50_000 {
			_ = socket.WriteMessage(websocket.BinaryMessage, sent[at:at+50_000])
		}
	}()
	var got []byte
	for len(got) < len(sent) {
		_, part, err := socket.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part...)
	}
	if !bytes.Equal(got, sent) {
		t.Fatal("bytes changed on the way")
	}
}

func TestTheBridgeRefuses(t *testing.T) {
	target := echo(t)
	open, closed := startBridge(t, true), startBridge(t, false)
	for name, tried := range map[string]struct {
		base    string
		request openRequest
		code    string
	}{
		"a wrong code":        {open, openRequest{"ABCDEFGHIJKLMNOQ", target}, "wrong-code"},
		"a private target":    {closed, openRequest{testCode, target}, "private-target"},
		"a name of a private": {closed, openRequest{testCode, "/dns4/localhost/tcp/80"}, "private-target"},
		"no TCP port":         {open, openRequest{testCode, "/ip4/127.0.0.1/udp/1"}, "malformed"},
		"a longer address":    {open, openRequest{testCode, target + "/ws"}, "malformed"},
		"nonsense":            {open, openRequest{testCode, "nonsense"}, "malformed"},
		"a port nobody is on": {open, openRequest{testCode, "/ip4/127.0.0.1/tcp/1"}, "unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, answer := openBridge(t, tried.base, "", tried.request); answer.Open || answer.Error != tried.code {
				t.Fatal(answer)
			}
		})
	}
}

func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	base := startBridge(t, true)
	for origin, status := range map[string]int{
		"http://127.0.0.1:5173":         http.StatusOK,
		"http://localhost":              http.StatusOK,
		"https://evil.example":          http.StatusForbidden,
		"http://localhost.evil.example": http.StatusForbidden,
		"null":                          http.StatusForbidden,
	} {
		request, _ := http.NewRequest(http.MethodGet, base+"/addresses", nil)
		request.Header.Set("Origin", origin)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var told map[string][]string
		if response.StatusCode == http.StatusOK {
			if json.NewDecoder(response.Body).Decode(&told) != nil || len(told["addresses"]) != 1 {
				t.Error("the addresses are not told")
			}
		}
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Error(origin, response.StatusCode)
		}
		header := http.Header{"Origin": {origin}}
		_, response, err = websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(base, "http")+"/bridge", header)
		if (err == nil) != (status == http.StatusOK) {
			t.Error(origin, err)
		}
	}
}

func TestConnectionsAreCapped(t *testing.T) {
	base, target := startBridge(t, true), echo(t)
	for range maxBridged {
		if _, answer := openBridge(t, base, "", openRequest{testCode, target}); !answer.Open {
			t.Fatal(answer)
		}
	}
	_, response, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(base, "http")+"/bridge", nil)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Fatal("one more was taken")
	}
}

func TestOptions(t *testing.T) {
	id, _ := peer.IDFromPrivateKey(newKey(t))
	known := "/ip4/1.2.3.4/tcp/30433/p2p/" + id.String()
	opts, err := parseOptions([]string{"--genesis", "0x" + genesis, "--peer", known, "--origin", "https://app.example/", "--data", "x"})
	if err != nil || opts.genesis != genesis || opts.origins[0] != "https://app.example" || len(opts.listen) != 4 {
		t.Fatal(opts, err)
	}
	for _, arguments := range [][]string{
		{}, {"--genesis", "12", "--peer", known}, {"--genesis", genesis}, {"--genesis", genesis, "--peer", "nonsense"},
		{"--genesis", genesis, "--peer", known, "more"}, {"--genesis", genesis, "--peer", known, "--listen", "nonsense"},
		{"--genesis", genesis, "--peer", known, "--port", "65535"}, {"--genesis", genesis, "--peer", known, "--bridge-port", "-1"},
		{"--genesis", genesis, "--peer", known, "--origin", "app.example"},
		{"--genesis", genesis, "--peer", known, "--origin", "https://app.example/page"},
	} {
		if _, err := parseOptions(arguments); err == nil {
			t.Error(arguments)
		}
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for sentence, arguments := range map[string][]string{
		"there is no option --prot":        {"--prot", "1"},
		"--peer needs a value":             {"--peer"},
		"--port does not take “many”":      {"--port", "many"},
		"--relay does not take “perhaps”":  {"--relay=perhaps"},
		"there is no use for “everything”": {"everything"},
	} {
		if _, err := parseOptions(arguments); err == nil || err.Error() != sentence {
			t.Errorf("%v: %v", arguments, err)
		}
	}
}

func TestThePairingCodeStays(t *testing.T) {
	folder := t.TempDir()
	first, err := pairingCode(folder)
	if err != nil || len(first) != 16 {
		t.Fatal(first, err)
	}
	if second, err := pairingCode(folder); err != nil || second != first {
		t.Fatal(second, err)
	}
	key, err := peerKey(folder)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := peerKey(folder); err != nil || !again.Equals(key) {
		t.Fatal("another key at the second start")
	}
}

func TestRecordedBytes(t *testing.T) {
	const vectors = "../../tests/vectors/wire/"
	whole, err := os.ReadFile(vectors + "dsn_piece_response.bin")
	if err != nil {
		t.Fatal(err)
	}
	piece, err := decodePieceResponse(whole)
	if err != nil || len(piece) != pieceBytes || !bytes.HasPrefix(encodePieceResponse(piece, nil), whole[:5+pieceBytes]) {
		t.Fatalf("%d bytes of a piece: %v", len(piece), err)
	}
	text, err := os.ReadFile(vectors + "dsn_requests.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded map[string]json.RawMessage
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for responder, listed := range recorded {
		if !strings.HasPrefix(responder, "responder_") {
			continue
		}
		var exchanges []struct {
			Protocol string
			Request  struct{ Hex string }
			Response *struct{ Hex string }
		}
		if err := json.Unmarshal(listed, &exchanges); err != nil {
			t.Fatal(responder, err)
		}
		for _, exchange := range exchanges {
			question, err := hex.DecodeString(exchange.Request.Hex)
			if err != nil || exchange.Protocol == segmentHeaderProtocol {
				continue
			}
			request, err := decodePieceRequest(question)
			if err != nil || !bytes.Equal(encodePieceRequest(request), question) {
				t.Errorf("%s: %s: %v", responder, exchange.Request.Hex, err)
			}
			checked++
			if exchange.Response == nil || exchange.Response.Hex == "" || exchange.Protocol != cachedPieceProtocol {
				continue
			}
			answer, _ := hex.DecodeString(exchange.Response.Hex)
			response, err := decodeCachedPieceResponse(answer)
			if err != nil || !bytes.Equal(encodeCachedPieceResponse(response), answer) {
				t.Errorf("%s: %s: %v", responder, exchange.Response.Hex, err)
			}
		}
	}
	if checked < 5 {
		t.Errorf("only %d exchanges", checked)
	}
}
