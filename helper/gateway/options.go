package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

const usage = `allotment-gateway: a peer of the storage network that tabs can reach, and a way for tabs to TCP-only peers

  --genesis HEX       genesis hash of the network, 64 hex digits (required)
  --peer MULTIADDR    peer of the network to begin with, ending in /p2p/ID; may be repeated (required)
  --listen MULTIADDR  address to listen on; may be repeated (default: WebTransport, WebRTC, WebSocket, TCP on 127.0.0.1)
  --port N            first of the two ports of the default addresses (default 30540)
  --bridge-port N     port on 127.0.0.1 of the socket bridge and the address list (default 30545)
  --origin URL        web origin that may use the bridge; may be repeated (default: pages of this machine, any port)
  --data DIR          where the peer's key and the pairing code are kept (default: .allotment-gateway in the home folder)
  --cache-pieces N    pieces kept in memory, about 1 MiB each (default 128)
  --allow-private     speak to peers on private and loopback addresses too, as a local network needs
  --relay             let tabs meet each other here
`

// options is what the gateway runs with.
type options struct {
	genesis      string
	peers        []peer.AddrInfo
	listen       []string
	bridgePort   int
	origins      []string
	data         string
	cachePieces  int
	allowPrivate bool
	relay        bool
}

type repeated []string

func (r *repeated) String() string { return strings.Join(*r, ",") }
func (r *repeated) Set(value string) error {
	*r = append(*r, value)
	return nil
}

// errHelp says that the person asked for the usage.
var errHelp = errors.New("help")

// parseOptions reads the arguments after the program's name; an error is a sentence for the person, without its full stop.
func parseOptions(arguments []string) (options, error) {
	var opts options
	var peers, listen, origins repeated
	port := 30540
	flags := flag.NewFlagSet("allotment-gateway", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opts.genesis, "genesis", "", "")
	flags.Var(&peers, "peer", "")
	flags.Var(&listen, "listen", "")
	flags.IntVar(&port, "port", port, "")
	flags.IntVar(&opts.bridgePort, "bridge-port", 30545, "")
	flags.Var(&origins, "origin", "")
	flags.StringVar(&opts.data, "data", "", "")
	flags.IntVar(&opts.cachePieces, "cache-pieces", 128, "")
	flags.BoolVar(&opts.allowPrivate, "allow-private", false, "")
	flags.BoolVar(&opts.relay, "relay", false, "")
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return opts, errHelp
		}
		return opts, errors.New(complaint(err))
	}
	if flags.NArg() > 0 {
		return opts, fmt.Errorf("there is no use for “%s”", flags.Arg(0))
	}
	opts.genesis = strings.TrimPrefix(opts.genesis, "0x")
	if raw, err := hex.DecodeString(opts.genesis); err != nil || len(raw) != 32 || opts.genesis != strings.ToLower(opts.genesis) {
		return opts, errors.New("--genesis takes the 64 lower-case hex digits of the network's genesis hash")
	}
	if len(peers) == 0 {
		return opts, errors.New("name at least one --peer to begin with")
	}
	for _, text := range peers {
		info, err := peer.AddrInfoFromString(text)
		if err != nil {
			return opts, fmt.Errorf("--peer %s: %w", text, err)
		}
		opts.peers = append(opts.peers, *info)
	}
	if port < 0 || port > 65_534 {
		return opts, errors.New("--port takes a number from 0 to 65534: the port after it is used too")
	}
	if opts.bridgePort < 0 || opts.bridgePort > 65_535 {
		return opts, errors.New("--bridge-port takes a number from 0 to 65535")
	}
	if opts.cachePieces < 1 {
		return opts, errors.New("--cache-pieces takes a number from 1 on")
	}
	for _, address := range listen {
		if _, err := multiaddr.NewMultiaddr(address); err != nil {
			return opts, fmt.Errorf("--listen %s: %w", address, err)
		}
	}
	opts.listen = listen
	if len(listen) == 0 {
		opts.listen = defaultListen(port)
	}
	for _, text := range origins {
		origin := strings.ToLower(strings.TrimRight(text, "/"))
		if parsed, err := url.Parse(origin); err != nil || parsed.Host == "" || origin != parsed.Scheme+"://"+parsed.Host {
			return opts, fmt.Errorf("--origin takes a page's origin such as https://example.org, not “%s”", text)
		}
		opts.origins = append(opts.origins, origin)
	}
	if opts.data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return opts, fmt.Errorf("name a folder with --data: %w", err)
		}
		opts.data = filepath.Join(home, ".allotment-gateway")
	}
	return opts, nil
}

var (
	undefined = regexp.MustCompile(`^flag provided but not defined: -(.*)$`)
	valueless = regexp.MustCompile(`^flag needs an argument: -(.*)$`)
	unfit     = regexp.MustCompile(`^invalid (?:boolean )?value "(.*)" for (?:flag )?-([^:]*): `)
)

// complaint says in the words of the other programs what the flag package found wrong.
func complaint(err error) string {
	message := err.Error()
	if found := undefined.FindStringSubmatch(message); found != nil {
		return "there is no option --" + found[1]
	}
	if found := valueless.FindStringSubmatch(message); found != nil {
		return "--" + found[1] + " needs a value"
	}
	if found := unfit.FindStringSubmatch(message); found != nil {
		return fmt.Sprintf("--%s does not take “%s”", found[2], found[1])
	}
	return message
}

// defaultListen is every transport on the loopback interface; the two of UDP need a port each.
func defaultListen(port int) []string {
	next := port + 1
	if port == 0 {
		next = 0
	}
	return []string{
		fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1/webtransport", port),
		fmt.Sprintf("/ip4/127.0.0.1/udp/%d/webrtc-direct", next),
		fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/ws", port),
		fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", next),
	}
}
