package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
)

// eventually waits until something is so.
func eventually(t *testing.T, within time.Duration, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

func (p *places) freeNow() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.free
}

// client is a peer that listens nowhere, connected to a gateway by TCP.
func client(t *testing.T, g *gateway) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.ProtocolVersion("/subspace/2/"+genesis))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	if err := h.Connect(context.Background(), peer.AddrInfo{ID: g.host.ID(), Addrs: g.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAPeerThatAsksWithoutEndKeepsNobodyOut(t *testing.T) {
	_, info := tcpPeer(t, genesis, map[uint64][]byte{3: pieceOf(3)}, nil)
	g := newGateway(t, info)
	hostile := client(t, g)
	for range maxAnswers + 8 {
		stream, err := hostile.NewStream(context.Background(), g.host.ID(), cachedPieceProtocol)
		if err != nil {
			t.Fatal(err)
		}
		// The length of a question that never comes.
		if _, err := stream.Write([]byte{25}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 10*time.Second, "the questions are waited for", func() bool {
		return g.answers.freeNow() == maxAnswers-maxAnswersEach
	})
	answer, err := ask(t, g, "/tcp/", cachedPieceProtocol, encodePieceRequest(pieceRequest{index: 3}))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := decodeCachedPieceResponse(answer); err != nil || !bytes.Equal(found.piece, pieceOf(3)) {
		t.Fatalf("another piece, or none: %v", err)
	}
	eventually(t, questionTimeout+5*time.Second, "they are waited for no longer", func() bool {
		return g.answers.freeNow() == maxAnswers
	})
}

// answering is a peer that answers every question with the same bytes, and says whether it was asked.
func answering(t *testing.T, answer []byte) (peer.AddrInfo, chan struct{}) {
	t.Helper()
	h, info := tcpPeer(t, genesis, nil, nil)
	asked := make(chan struct{}, 100)
	for _, name := range []protocol.ID{cachedPieceProtocol, pieceProtocol, segmentHeaderProtocol} {
		h.SetStreamHandler(name, func(stream network.Stream) {
			defer stream.Close()
			if _, err := readFrame(stream, maxRequestBytes); err == nil {
				asked <- struct{}{}
				_, _ = stream.Write(answer)
			}
		})
	}
	return info, asked
}

func TestPeersWhoseAnswersAreNoneArePutOff(t *testing.T) {
	tooLong := binary.AppendUvarint(nil, maxPieceAnswer+1)
	for name, answer := range map[string][]byte{
		"an answer of another shape":  {3, 9, 9, 9},
		"an answer that is too long":  append(tooLong, make([]byte, maxPieceAnswer+1)...),
		"a piece that is too short":   {4, 0, 4, 7, 0},
		"peers without an address":    append([]byte{48, 1, 4}, make([]byte, 46)...),
		"more peers than may be told": {2, 1, 84},
	} {
		t.Run(name, func(t *testing.T) {
			liar, asked := answering(t, answer)
			_, honest := tcpPeer(t, genesis, map[uint64][]byte{3: pieceOf(3)}, map[uint64][]byte{3: pieceOf(3)})
			g := newGateway(t, liar, honest)
			// By plots: every peer is asked until one has it.
			if piece := g.askForPiece(context.Background(), liar, encodePieceRequest(pieceRequest{index: 3}), false); piece != nil {
				t.Fatal("taken for a piece")
			}
			if len(asked) == 0 || g.gate.allowed(liar.ID) {
				t.Fatal("the liar is not put off")
			}
			if piece := g.piece(context.Background(), 3, true, ""); !bytes.Equal(piece, pieceOf(3)) {
				t.Fatal("the honest peer is not asked")
			}
		})
	}
}

func TestOnlyRequestsForHeadersArePassedOn(t *testing.T) {
	many := binary.LittleEndian.AppendUint16([]byte{0}, 1001<<2|1)
	for name, question := range map[string][]byte{
		"nothing":             {},
		"another variant":     {2, 0, 0, 0, 0},
		"an end too early":    {1, 2, 0, 0},
		"bytes after the end": {1, 2, 0, 0, 0, 0},
		"too many indices":    append(many, make([]byte, 1001*8)...),
		"indices cut off":     {0, 8, 0},
	} {
		if isSegmentHeaderRequest(question) {
			t.Error(name)
		}
	}
	info, asked := answering(t, []byte{1, 0})
	g := newGateway(t, info)
	if _, err := ask(t, g, "/tcp/", segmentHeaderProtocol, []byte{2, 2, 0, 0, 0}); err != errRefused || len(asked) != 0 {
		t.Fatal("what is no request was passed on", err)
	}
	if answer, err := ask(t, g, "/tcp/", segmentHeaderProtocol, []byte{1, 2, 0, 0, 0}); err != nil || len(asked) != 1 || len(answer) != 1 {
		t.Fatal("a request was not passed on", err)
	}
}

func TestOnlyHeadersArePassedOn(t *testing.T) {
	whole := headerOf(7)
	partial := append(whole[:93:93], 1, 9, 0, 0, 0)
	for name, one := range map[string][]byte{"none": {0}, "one": append([]byte{4}, whole...), "in a block": append([]byte{4}, partial...)} {
		if !isSegmentHeaders(one) {
			t.Error(name)
		}
	}
	for name, none := range map[string][]byte{
		"nothing":             {},
		"fewer than it says":  append([]byte{8}, whole...),
		"bytes after the end": append(append([]byte{4}, whole...), 0),
		"another version":     append([]byte{4, 1}, whole[1:]...),
		"another progress":    append(append([]byte{4}, whole[:93]...), 2),
		"cut off in a block":  append([]byte{4}, partial[:97]...),
		"too many":            append(binary.LittleEndian.AppendUint16(nil, 1001<<2|1), bytes.Repeat(whole, 1001)...),
	} {
		if isSegmentHeaders(none) {
			t.Error(name)
		}
	}
	liar, asked := answering(t, []byte{1, 4})
	_, honest := tcpPeer(t, genesis, nil, nil)
	g := newGateway(t, liar, honest)
	// Whom it asks first is left to chance.
	eventually(t, 10*time.Second, "the liar is asked", func() bool {
		answer := g.answerSegmentHeaders(context.Background(), "", []byte{1, 1, 0, 0, 0})
		if !bytes.Equal(answer, append([]byte{4}, whole...)) {
			t.Fatalf("%x", answer)
		}
		return len(asked) > 0
	})
	if g.gate.allowed(liar.ID) {
		t.Fatal("the liar is not put off")
	}
}

func TestPeersThatCannotBeReachedAreForgotten(t *testing.T) {
	gone, info := tcpPeer(t, genesis, nil, nil)
	g := newGateway(t, info)
	if known := g.table.closest(nil, maxPeers, ""); len(known) != 1 {
		t.Fatal(known)
	}
	_ = gone.Close()
	eventually(t, 10*time.Second, "the line ends", func() bool {
		return g.host.Network().Connectedness(info.ID) != network.Connected
	})
	if piece := g.piece(context.Background(), 3, false, ""); piece != nil {
		t.Fatal("a piece out of nowhere")
	}
	if known := g.table.closest(nil, maxPeers, ""); len(known) != 0 {
		t.Fatal("others are still sent there", known)
	}
}

func TestATableThatIsFullTakesNewcomers(t *testing.T) {
	known := newTable(true)
	address := []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/127.0.0.1/tcp/1")}
	for number := range maxTable {
		known.put(peer.ID(fmt.Sprintf("peer %d", number)), address)
	}
	newcomer, err := peer.IDFromPrivateKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	known.put(newcomer, address)
	if len(known.entries) != maxTable {
		t.Fatal("there are", len(known.entries))
	}
	if found := known.closest([]byte(newcomer), 1, ""); found[0].ID != newcomer {
		t.Fatal("who came first stays for ever")
	}
}

func TestTranslatedAddressesCountAsWhatTheyStandFor(t *testing.T) {
	for text, public := range map[string]bool{
		"/ip4/8.8.8.8/tcp/1":                   true,
		"/ip6/2606:4700::1111/tcp/1":           true,
		"/ip6/64:ff9b::808:808/tcp/1":          true,
		"/ip6/64:ff9b::7f00:1/tcp/1":           false,
		"/ip6/64:ff9b::a9fe:a9fe/tcp/1":        false,
		"/ip6/64:ff9b:1::808:808/tcp/1":        false,
		"/ip6/2002:808:808::1/tcp/1":           true,
		"/ip6/2002:a00:1::1/tcp/1":             false,
		"/ip6/::ffff:127.0.0.1/tcp/1":          false,
		"/ip6/::/tcp/1":                        false,
		"/ip4/0.0.0.0/tcp/1":                   false,
		"/ip4/169.254.169.254/tcp/80":          false,
		"/ip4/100.64.0.1/tcp/1":                false,
		"/ip6/fe80::1/tcp/1":                   false,
		"/ip6/fd00::1/udp/1/quic-v1":           false,
		"/dns4/peer.example/tcp/1":             true,
		"/dns4/localhost/tcp/1":                false,
		"/ip4/10.0.0.1/udp/1/webrtc-direct":    false,
		"/ip6zone/eth0/ip6/fe80::1/tcp/1":      false,
		"/ip4/192.168.1.1/udp/1/quic-v1":       false,
		"/ip4/8.8.8.8/udp/1/quic-v1":           true,
		"/dns6/router.local/tcp/1":             false,
		"/ip6/2001:db8::1/tcp/1":               false,
		"/ip6/64:ff9b::c0a8:101/udp/1/quic-v1": false,
	} {
		address := multiaddr.StringCast(text)
		if isPublic(address) != public {
			t.Error(text)
		}
		if newGate(false).InterceptAddrDial("", address) != public {
			t.Error("dialled:", text)
		}
		if (len(newTable(false).usable([]multiaddr.Multiaddr{address})) == 1) != public {
			t.Error("passed on:", text)
		}
	}
	closed := newBridge(options{}, testCode, nil)
	for hostPort, public := range map[string]bool{
		"8.8.8.8:80": true, "[2606:4700::1111]:80": true, "[64:ff9b::808:808]:80": true,
		"127.0.0.1:80": false, "[::1]:80": false, "[::]:80": false, "0.0.0.0:80": false, "[fe80::1%eth0]:80": false,
		"[::ffff:10.0.0.1]:80": false, "[64:ff9b::a00:1]:80": false, "[2002:7f00:1::]:80": false, "nonsense": false,
	} {
		if (closed.allowsTarget(hostPort) == nil) != public {
			t.Error("bridged:", hostPort)
		}
	}
}

func TestABridgedEndThatTakesNothingIsGivenUp(t *testing.T) {
	b := newBridge(options{allowPrivate: true}, testCode, nil)
	b.stall = 300 * time.Millisecond
	server := httptest.NewServer(b.handler())
	t.Cleanup(server.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- connection
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	target := "/ip4/127.0.0.1/tcp/" + port
	message := make([]byte, 1<<20)
	_, _ = rand.Read(message)
	for name, stuck := range map[string]func(socket *websocket.Conn, peer net.Conn){
		"a peer that does not read": func(socket *websocket.Conn, _ net.Conn) {
			for socket.WriteMessage(websocket.BinaryMessage, message) == nil {
			}
		},
		"a tab that does not read": func(_ *websocket.Conn, peer net.Conn) {
			for {
				if _, err := peer.Write(message); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			socket, answer := openBridge(t, server.URL, "", openRequest{testCode, target})
			if !answer.Open {
				t.Fatal(answer)
			}
			peer := <-accepted
			t.Cleanup(func() { _ = peer.Close() })
			go stuck(socket, peer)
			if len(b.open) != 1 {
				t.Fatal("the connection is not counted")
			}
			eventually(t, 20*time.Second, "the place is free again", func() bool { return len(b.open) == 0 })
		})
	}
}

func TestAnotherNameOfThisMachineIsRefused(t *testing.T) {
	base := startBridge(t, true)
	for name, status := range map[string]int{
		"127.0.0.1:30545":             http.StatusOK,
		"localhost":                   http.StatusOK,
		"evil.example:30545":          http.StatusForbidden,
		"localhost.evil.example":      http.StatusForbidden,
		"127.0.0.1.evil.example:1234": http.StatusForbidden,
	} {
		request, _ := http.NewRequest(http.MethodGet, base+"/addresses", nil)
		request.Host = name
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Error(name, response.StatusCode)
		}
	}
}

func TestARequestThatDripsIsEnded(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config = newBridge(options{}, testCode, nil).server()
	server.Start()
	t.Cleanup(server.Close)
	for name, begin := range map[string]string{
		"headers": "GET /addresses HTTP/1.1\r\nHost: 127.0.0.1\r\n",
		"a body":  "GET /bridge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nx",
		"nothing": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			_, _ = io.WriteString(connection, begin)
			_ = connection.SetReadDeadline(time.Now().Add(openTimeout + 5*time.Second))
			if _, err := io.Copy(io.Discard, connection); err != nil {
				t.Fatal("it is waited for without end:", err)
			}
		})
	}
}

func TestTheFirstMessageIsShortAndSoon(t *testing.T) {
	t.Parallel()
	b := newBridge(options{allowPrivate: true}, testCode, nil)
	server := httptest.NewServer(b.handler())
	t.Cleanup(server.Close)
	dial := func() *websocket.Conn {
		socket, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/bridge", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = socket.Close() })
		return socket
	}
	long := dial()
	_ = long.WriteJSON(openRequest{testCode, strings.Repeat("/", maxOpenBytes)})
	if _, _, err := long.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Fatal(err)
	}
	dial()
	eventually(t, 5*time.Second, "the other one waits", func() bool { return len(b.open) == 1 })
	eventually(t, openTimeout+10*time.Second, "who says nothing gives its place up", func() bool { return len(b.open) == 0 })
}

func TestWhatIsNoBytesEndsABridgedConnection(t *testing.T) {
	for name, send := range map[string]func(socket *websocket.Conn) error{
		"text": func(socket *websocket.Conn) error { return socket.WriteMessage(websocket.TextMessage, []byte("x")) },
		"a message that is too long": func(socket *websocket.Conn) error {
			return socket.WriteMessage(websocket.BinaryMessage, make([]byte, maxBridgedBytes+1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			socket, answer := openBridge(t, startBridge(t, true), "", openRequest{testCode, echo(t)})
			if !answer.Open {
				t.Fatal(answer)
			}
			_ = send(socket)
			_ = socket.SetReadDeadline(time.Now().Add(10 * time.Second))
			for {
				kind, _, err := socket.ReadMessage()
				var late net.Error
				if errors.As(err, &late) && late.Timeout() {
					t.Fatal("it goes on")
				}
				if err != nil {
					return
				}
				if kind == websocket.BinaryMessage {
					t.Fatal("it was passed on")
				}
			}
		})
	}
}

func TestMoreIndicesThanMayBeAskedAreLeftOut(t *testing.T) {
	many := make([]uint64, maxCachedPieces+1)
	request, err := decodePieceRequest(encodePieceRequest(pieceRequest{index: 1, cached: many}))
	if err != nil || len(request.cached) != maxCachedPieces {
		t.Fatal(len(request.cached), err)
	}
}

func TestBansGrowAndEndWithAGoodWord(t *testing.T) {
	kept := newGate(true)
	for _, length := range []time.Duration{banAtFirst, banAtFirst * 3 / 2, banAtFirst * 9 / 4} {
		kept.ban("a peer")
		if kept.allowed("a peer") || kept.bans["a peer"].length != length {
			t.Fatal(kept.bans["a peer"].length)
		}
	}
	for range 30 {
		kept.ban("a peer")
	}
	if kept.bans["a peer"].length != banAtMost {
		t.Fatal(kept.bans["a peer"].length)
	}
	kept.forgive("a peer")
	if !kept.allowed("a peer") || len(kept.bans) != 0 {
		t.Fatal("it is not forgiven")
	}
}
