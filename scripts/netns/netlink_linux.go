package netns

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// netlink is a socket to the kernel's routing of the network namespace that
// the thread was in when it was dialed.
type netlink struct {
	fd  int
	seq uint32
}

func dial() (*netlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("netlink socket", err)
	}
	return &netlink{fd: fd}, nil
}

func (n *netlink) close() { unix.Close(n.fd) }

// ask has the kernel change something and returns what it says of it.
func (n *netlink) ask(typ uint16, flags int, head any, attrs ...[]byte) error {
	answer, err := n.exchange(typ, unix.NLM_F_ACK|flags, head, attrs...)
	if err == nil && binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return errors.New("the kernel's answer is not one to a request")
	}
	return err
}

// exchange sends one request and returns the message that answers it.
func (n *netlink) exchange(typ uint16, flags int, head any, attrs ...[]byte) ([]byte, error) {
	body := pack(head, attrs...)
	n.seq++
	msg := pack(unix.NlMsghdr{
		Len: uint32(unix.SizeofNlMsghdr + len(body)), Type: typ, Seq: n.seq,
		Flags: uint16(unix.NLM_F_REQUEST | flags),
	}, body)
	if err := unix.Sendto(n.fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, os.NewSyscallError("netlink send", err)
	}
	answer := make([]byte, 16<<10)
	m, _, err := unix.Recvfrom(n.fd, answer, 0)
	if err != nil {
		return nil, os.NewSyscallError("netlink receive", err)
	}
	if m < unix.SizeofNlMsghdr+4 {
		return nil, errors.New("the kernel's answer is too short")
	}
	if binary.NativeEndian.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
			return nil, unix.Errno(-code)
		}
	}
	return answer[:m], nil
}

// carries reports whether the kernel has seen that the link is connected. The
// flags of the link say so before packets pass; its state does not.
func (n *netlink) carries(link int) (bool, error) {
	answer, err := n.exchange(unix.RTM_GETLINK, 0, unix.IfInfomsg{Index: int32(link)})
	if err != nil {
		return false, err
	}
	const up = 6 // IF_OPER_UP
	rest := answer[min(len(answer), unix.SizeofNlMsghdr+unix.SizeofIfInfomsg):]
	for len(rest) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(rest))
		if size < unix.SizeofRtAttr || size > len(rest) {
			break
		}
		if binary.NativeEndian.Uint16(rest[2:]) == unix.IFLA_OPERSTATE {
			return size > unix.SizeofRtAttr && rest[unix.SizeofRtAttr] == up, nil
		}
		rest = rest[min(len(rest), (size+3)&^3):]
	}
	return false, errors.New("the kernel tells no state of the link")
}

// pack is a fixed-size struct and what follows it.
func pack(head any, rest ...[]byte) []byte {
	b, err := binary.Append(nil, binary.NativeEndian, head)
	if err != nil {
		panic(err) // head is not of fixed size
	}
	for _, r := range rest {
		b = append(b, r...)
	}
	return b
}

// attr is one attribute, padded to four bytes.
func attr(typ uint16, value ...[]byte) []byte {
	size := unix.SizeofRtAttr
	for _, v := range value {
		size += len(v)
	}
	b := pack(unix.RtAttr{Len: uint16(size), Type: typ}, value...)
	return append(b, make([]byte, (4-size%4)%4)...)
}

func number(n int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }

func linkIndex(name string) (int, error) {
	nl, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(nl)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(nl, unix.SIOCGIFINDEX, req); err != nil {
		return 0, os.NewSyscallError("index of "+name, err)
	}
	return int(req.Uint32()), nil
}

// newPair makes two links with a wire between them, the second one in another
// namespace.
func newPair(here, there string, space int) error {
	nl, err := dial()
	if err != nil {
		return err
	}
	defer nl.close()
	const peerInfo = 1 // VETH_INFO_PEER
	peer := attr(peerInfo, pack(unix.IfInfomsg{}),
		attr(unix.IFLA_IFNAME, []byte(there+"\x00")),
		attr(unix.IFLA_NET_NS_FD, number(space)))
	return nl.ask(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, unix.IfInfomsg{},
		attr(unix.IFLA_IFNAME, []byte(here+"\x00")),
		attr(unix.IFLA_LINKINFO, attr(unix.IFLA_INFO_KIND, []byte("veth")), attr(unix.IFLA_INFO_DATA, peer)))
}

func (n *netlink) up(link int) error {
	return n.ask(unix.RTM_NEWLINK, 0, unix.IfInfomsg{Index: int32(link), Flags: unix.IFF_UP, Change: unix.IFF_UP})
}

// plainIPv6 keeps the kernel from adding addresses and from trying them out,
// which would take a second.
func (n *netlink) plainIPv6(link int) error {
	const none = 1 // IN6_ADDR_GEN_MODE_NONE
	inet6 := attr(unix.AF_INET6, attr(unix.IFLA_INET6_ADDR_GEN_MODE, []byte{none}))
	return n.ask(unix.RTM_NEWLINK, 0, unix.IfInfomsg{Index: int32(link)}, attr(unix.IFLA_AF_SPEC, inet6))
}

func (n *netlink) address(link int, ip []byte, bits uint8) error {
	m := unix.IfAddrmsg{Family: family(ip), Prefixlen: bits, Flags: unix.IFA_F_PERMANENT | unix.IFA_F_NODAD, Index: uint32(link)}
	return n.ask(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, m, attr(unix.IFA_LOCAL, ip), attr(unix.IFA_ADDRESS, ip))
}

func (n *netlink) route(link int, to []byte, bits uint8) error {
	m := unix.RtMsg{Family: family(to), Dst_len: bits, Table: unix.RT_TABLE_MAIN,
		Protocol: unix.RTPROT_STATIC, Scope: unix.RT_SCOPE_LINK, Type: unix.RTN_UNICAST}
	return n.ask(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, m, attr(unix.RTA_DST, to), attr(unix.RTA_OIF, number(link)))
}

func family(ip []byte) uint8 {
	if len(ip) == 4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
