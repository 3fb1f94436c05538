package main

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	maxBridged       = 64
	openTimeout      = 5 * time.Second
	dialTimeout      = 10 * time.Second
	stallTimeout     = time.Minute
	maxOpenBytes     = 4096
	maxBridgedBytes  = 1 << 20
	bridgeBufferSize = 64 << 10
	codeFile         = "pairing-code"
)

// bridge passes bytes between a tab's WebSocket and a TCP connection. The tab speaks Noise with the peer at the
// other end, so that nothing here can read or alter what they say. It also tells where the gateway listens.
type bridge struct {
	origins   []string
	code      string
	private   bool
	addresses func() []string
	open      chan struct{}
	// stall is how long either end may take nothing of what is there for it, before the connection is given up.
	stall time.Duration
}

// openRequest is a connection's first message: who asks, and where to.
type openRequest struct {
	Code string `json:"code"`
	// Target is a multiaddress of the form /ip4/…/tcp/…, with ip6, dns, dns4 or dns6 too.
	Target string `json:"target"`
}

// openAnswer tells that bytes follow from now on, or why not.
type openAnswer struct {
	Open    bool   `json:"open"`
	Error   string `json:"error,omitempty"`
	Message string `json:"message,omitempty"`
}

type refusal struct{ code, message string }

func (r refusal) Error() string { return r.message }

func newBridge(opts options, code string, addresses func() []string) *bridge {
	return &bridge{
		origins:   opts.origins,
		code:      code,
		private:   opts.allowPrivate,
		addresses: addresses,
		open:      make(chan struct{}, maxBridged),
		stall:     stallTimeout,
	}
}

// server has no connection wait for a request that does not come; bridged ones are no longer its own.
func (b *bridge) server() *http.Server {
	return &http.Server{
		Handler:      b.handler(),
		ReadTimeout:  openTimeout,
		WriteTimeout: openTimeout,
		IdleTimeout:  stallTimeout,
	}
}

func (b *bridge) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /addresses", b.tellAddresses)
	mux.HandleFunc("GET /bridge", b.accept)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopbackName(r.Host) {
			http.Error(w, "The gateway goes by 127.0.0.1 and localhost only.", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isLoopbackName says whether a request's host is this machine. A page can have its own name stand for this machine,
// and what it then asks for has no origin, as with programs.
func isLoopbackName(hostPort string) bool {
	parsed, err := url.Parse("http://" + hostPort)
	return err == nil && (parsed.Hostname() == "127.0.0.1" || parsed.Hostname() == "localhost")
}

// allows says whether a page of this origin may use the bridge. Programs send no origin: they are no pages.
func (b *bridge) allows(origin string) bool {
	if origin == "" {
		return true
	}
	if len(b.origins) > 0 {
		return slices.Contains(b.origins, origin)
	}
	host, isHTTP := strings.CutPrefix(origin, "http://")
	return isHTTP && !strings.Contains(host, "/") && isLoopbackName(host)
}

func (b *bridge) tellAddresses(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if !b.allows(origin) {
		http.Error(w, "This page may not use the gateway.", http.StatusForbidden)
		return
	}
	if origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Vary", "Origin")
	}
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string][]string{"addresses": b.addresses()})
}

func (b *bridge) accept(w http.ResponseWriter, r *http.Request) {
	if !b.allows(r.Header.Get("Origin")) {
		http.Error(w, "This page may not use the gateway.", http.StatusForbidden)
		return
	}
	select {
	case b.open <- struct{}{}:
		defer func() { <-b.open }()
	default:
		http.Error(w, "The gateway has too many connections.", http.StatusServiceUnavailable)
		return
	}
	upgrader := websocket.Upgrader{
		ReadBufferSize:  bridgeBufferSize,
		WriteBufferSize: bridgeBufferSize,
		CheckOrigin:     func(*http.Request) bool { return true }, // checked above
	}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer socket.Close()
	target, err := b.connect(r, socket)
	if err != nil {
		answer := openAnswer{Error: "unreachable", Message: err.Error()}
		var refused refusal
		if errors.As(err, &refused) {
			answer.Error = refused.code
		}
		_ = socket.WriteJSON(answer)
		return
	}
	defer target.Close()
	if socket.WriteJSON(openAnswer{Open: true}) == nil {
		b.pass(socket, target)
	}
}

// connect reads the first message and dials the target that it names.
func (b *bridge) connect(r *http.Request, socket *websocket.Conn) (net.Conn, error) {
	socket.SetReadLimit(maxOpenBytes)
	_ = socket.SetReadDeadline(time.Now().Add(openTimeout))
	var request openRequest
	if err := socket.ReadJSON(&request); err != nil {
		return nil, refusal{"malformed", "the first message does not say where to connect"}
	}
	if subtle.ConstantTimeCompare([]byte(request.Code), []byte(b.code)) != 1 {
		return nil, refusal{"wrong-code", "the pairing code is not the one that this gateway printed"}
	}
	_ = socket.SetReadDeadline(time.Time{})
	socket.SetReadLimit(maxBridgedBytes)
	network, host, port, err := tcpTarget(request.Target)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: dialTimeout, ControlContext: b.control}
	return dialer.DialContext(r.Context(), network, net.JoinHostPort(host, port))
}

// tcpTarget takes a multiaddress apart that is a host and a TCP port and nothing else.
func tcpTarget(text string) (network, host, port string, err error) {
	malformed := refusal{"malformed", "the target is not the multiaddress of a TCP port"}
	address, parseErr := multiaddr.NewMultiaddr(text)
	if parseErr != nil || len(address) != 2 || address[1].Protocol().Code != multiaddr.P_TCP {
		return "", "", "", malformed
	}
	switch address[0].Protocol().Code {
	case multiaddr.P_IP4, multiaddr.P_DNS4:
		network = "tcp4"
	case multiaddr.P_IP6, multiaddr.P_DNS6:
		network = "tcp6"
	case multiaddr.P_DNS:
		network = "tcp"
	default:
		return "", "", "", malformed
	}
	return network, address[0].Value(), address[1].Value(), nil
}

// allowsTarget refuses private and loopback targets unless they were allowed: a page must not reach into the
// person's own network through this program.
func (b *bridge) allowsTarget(hostPort string) error {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	ip := net.ParseIP(strings.SplitN(host, "%", 2)[0])
	address, err := manet.FromNetAddr(&net.TCPAddr{IP: ip, Port: number})
	if err != nil {
		return err
	}
	if !b.private && !isPublic(address) {
		return refusal{"private-target", "targets in private networks are refused; --allow-private permits them"}
	}
	return nil
}

// pass copies bytes both ways until one side ends, or takes nothing any more.
func (b *bridge) pass(socket *websocket.Conn, target net.Conn) {
	go func() {
		defer target.Close()
		for {
			kind, message, err := socket.ReadMessage()
			if err != nil || kind != websocket.BinaryMessage {
				return
			}
			_ = target.SetWriteDeadline(time.Now().Add(b.stall))
			if _, err := target.Write(message); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, bridgeBufferSize)
	for {
		count, err := target.Read(buffer)
		_ = socket.SetWriteDeadline(time.Now().Add(b.stall))
		if count > 0 && socket.WriteMessage(websocket.BinaryMessage, buffer[:count]) != nil {
			return
		}
		if err != nil {
			_ = socket.WriteControl(websocket.CloseMessage,
				websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
			return
		}
	}
}

// pairingCode is the code of this folder, made at the first start.
func pairingCode(folder string) (string, error) {
	path := filepath.Join(folder, codeFile)
	if known, err := os.ReadFile(path); err == nil {
		if code := strings.TrimSpace(string(known)); len(code) >= 16 {
			return code, nil
		}
	}
	raw := make([]byte, 10)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	code := base32.StdEncoding.EncodeToString(raw)
	if err := os.WriteFile(path, []byte(code+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keeping the pairing code: %w", err)
	}
	return code, nil
}
