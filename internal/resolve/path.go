package resolve

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"unicode"
)

// A conversation goes as a consumer's does, as far as the engine's protocol allows without a password, and ends as the
// protocol provides for. It fails where what answers does not speak the protocol to the end.
type conversation func(ctx context.Context, conn net.Conn, serverName string) (reply, error)

// reply is what a server says to somebody who wants in.
type reply struct {
	certificates []*x509.Certificate
	serves       bool   // it is one that lets in whoever may come, also where it has no room just now
	code         string // of its refusal, in the engine's own words; empty: it asks for a password, or lets in
	message      string
}

// longestMessage, in bytes, is what people get to see of a server's words, and the registry of them.
const longestMessage = 200

// refusal is a reply that is an error of the engine's.
func refusal(certificates []*x509.Certificate, serves bool, code, message string) reply {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(message, ""))
	if len(plain) > longestMessage {
		plain = strings.ToValidUTF8(plain[:longestMessage], "")
	}
	return reply{certificates: certificates, serves: serves, code: code, message: plain}
}

// conversationOf is how a consumer of the engine begins, or nil.
func conversationOf(engine string) conversation {
	switch family(engine) {
	case "postgres", "postgresql":
		return postgresConversation
	case "mysql", "mariadb":
		return mysqlConversation
	case "sqlserver":
		return sqlServerConversation
	case "oracle":
		return oracleConversation
	default:
		return nil
	}
}

// family is the engine's name without its edition, and without Aurora.
func family(engine string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(engine, "aurora-"), "-")
	return name
}

// pass goes through one listener to the database.
func (v vantage) pass(ctx context.Context, listener string, r Request) Probe {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p := Probe{Address: listener}
	dialing, answered := context.WithTimeout(ctx, dialTimeout)
	defer answered()
	conn, err := v.dial(dialing, "tcp", listener)
	if err != nil {
		p.Result, p.Detail = classify(err), err.Error()
		return p
	}
	defer conn.Close()
	p.Result = Answered
	talk := conversationOf(r.Engine)
	if talk == nil {
		p.Detail = "nobody here knows how a connection to " + r.Engine + " begins"
		return p
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			p.Detail = err.Error()
			return p
		}
	}
	said, err := talk(ctx, conn, r.ServerName)
	if err != nil {
		p.Detail = unlike(err)
		return p
	}
	p.judge(said, r.ServerName)
	return p
}

// judge takes for the database only who says that it serves, and shows the database's name where it shows one.
func (p *Probe) judge(said reply, serverName string) {
	p.Code = said.code
	if said.code != "" {
		p.Detail = said.code + " " + said.message
	}
	p.TLS = Unavailable
	if len(said.certificates) > 0 {
		var why string
		if p.TLS, why = compare(said.certificates, serverName); p.TLS == Mismatch {
			p.Detail = strings.TrimPrefix(p.Detail+"; "+why, "; ")
			return
		}
	}
	if said.serves {
		p.Result = Served
	}
}

// unlike says how what answered is not like the database: who accepts a connection and then says nothing may be a load
// balancer whose target is gone, or anything else.
func unlike(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "it took the connection, and did not answer in time: " + err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it took the connection, and closed it: " + err.Error()
	}
	return err.Error()
}
