package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/encoding/cbor"
)

// Answer writes out, the SDK's output struct of the request's operation.
func (q *Request) Answer(w http.ResponseWriter, requestID string, out any) {
	s, o := q.Service, q.operation
	var b bytes.Buffer
	switch s.Protocol {
	case "ec2":
		fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><%sResponse xmlns="%s"><requestId>%s</requestId>`, q.Action,
			s.XMLNamespace, requestID)
		if o.Output != nil {
			s.xml(&b, s.shape(*o.Output), reflect.ValueOf(out), true)
		}
		fmt.Fprintf(&b, "</%sResponse>", q.Action)
	case "query":
		fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, q.Action, s.XMLNamespace)
		if o.Output != nil {
			fmt.Fprintf(&b, "<%s>", o.Output.ResultWrapper)
			s.xml(&b, s.shape(*o.Output), reflect.ValueOf(out), true)
			fmt.Fprintf(&b, "</%s>", o.Output.ResultWrapper)
		}
		fmt.Fprintf(&b, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", requestID, q.Action)
	case "rest-xml":
		for _, m := range s.shape(*o.Output).Members {
			if text, ok := reflect.Indirect(reflect.ValueOf(out)).FieldByName(m.field()).Interface().(*string); ok && m.Location == "header" {
				w.Header().Set(m.answerName(), aws.ToString(text))
			}
		}
		fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><%s xmlns="%s">`, o.Output.Shape, s.XMLNamespace)
		s.xml(&b, s.shape(*o.Output), reflect.ValueOf(out), true)
		fmt.Fprintf(&b, "</%s>", o.Output.Shape)
	default:
		if o.Output == nil {
			b.WriteString("{}")
			break
		}
		s.json(&b, s.shape(*o.Output), reflect.ValueOf(out), true)
	}
	s.write(w, requestID, http.StatusOK, b.Bytes())
}

// Refuse writes err as the service does. What is not an *Error is a fault of the local cloud: it is logged and answered as
// InternalFailure.
func (s *Service) Refuse(w http.ResponseWriter, requestID string, err error) {
	e := s.complete(err)
	var b bytes.Buffer
	protocol := s.Protocol
	if protocol == "rest-xml" && s.XMLNamespace != "" { // S3 alone does not wrap its errors
		protocol = "query"
	}
	switch protocol {
	case "ec2":
		fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors>`+
			`<RequestID>%s</RequestID></Response>`, e.Code, escaped(e.Message), requestID)
	case "rest-xml":
		fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>`,
			e.Code, escaped(e.Message), requestID)
	case "query":
		fmt.Fprintf(&b,
			`<ErrorResponse xmlns="%s"><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`,
			s.XMLNamespace, blame(e.Status), e.Code, escaped(e.Message), requestID)
	case CBOR:
		w.Header().Set("X-Amzn-ErrorType", e.Code)
		s.WriteCBOR(w, requestID, e.Status, cbor.Map{"__type": cbor.String(e.Code), "message": cbor.String(e.Message)})
		return
	default:
		w.Header().Set("X-Amzn-ErrorType", e.Code)
		_ = json.NewEncoder(&b).Encode(map[string]string{"__type": e.Code, "message": e.Message})
	}
	s.write(w, requestID, e.Status, b.Bytes())
}

// CBOR is the protocol that CloudWatch's clients speak: smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html.
const CBOR = "rpc-v2-cbor"

// WriteCBOR writes an answer, or an error, in CBOR.
func (s *Service) WriteCBOR(w http.ResponseWriter, requestID string, status int, v cbor.Value) {
	w.Header().Set("Smithy-Protocol", CBOR)
	s.write(w, requestID, status, cbor.Encode(v))
}

func (s *Service) complete(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		slog.Error("local cloud failed", "service", s.Name, "error", err)
		return &Error{Code: "InternalFailure", Message: err.Error(), Status: http.StatusInternalServerError}
	}
	full := *e
	if full.Status == 0 {
		full.Status = s.Errors[full.Code]
	}
	if full.Status == 0 {
		full.Status = http.StatusBadRequest
	}
	return &full
}

func blame(status int) string {
	if status >= 500 {
		return "Receiver"
	}
	return "Sender"
}

func escaped(in string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(in))
	return b.String()
}

func (s *Service) write(w http.ResponseWriter, requestID string, status int, body []byte) {
	contentType := "text/xml;charset=UTF-8"
	switch s.Protocol {
	case "json":
		contentType = "application/x-amz-json-" + s.JSONVersion
		w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)) // DynamoDB's clients look at it
	case "rest-json":
		contentType = "application/json"
	case CBOR:
		contentType = "application/cbor"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-RequestId", requestID)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Serve runs the request's operation out of ops and writes what it answers.
func (q *Request) Serve(w http.ResponseWriter, r *http.Request, requestID string, ops Operations) {
	op := ops[q.Action]
	if op == nil || !q.Known() {
		q.Service.Refuse(w, requestID, &Error{
			Code: "NotImplemented", Status: http.StatusNotImplemented,
			Message: fmt.Sprintf("The local cloud does not have %s of %s.", q.Action, q.Service.Name),
		})
		return
	}
	out, err := op(r.Context(), q.Decode)
	if err != nil {
		q.Service.Refuse(w, requestID, err)
		return
	}
	q.Answer(w, requestID, out)
}

// Handler serves one service alone, as tests of its operations want it: no identity beside what the request's context
// carries, no forwarding.
func Handler(service string, ops Operations) (http.Handler, error) {
	s, err := Lookup(service)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const requestID = "00000000-0000-0000-0000-000000000000"
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.Refuse(w, requestID, err)
			return
		}
		q, err := s.Read(r, body)
		if err != nil {
			s.Refuse(w, requestID, err)
			return
		}
		q.Serve(w, r, requestID, ops)
	}), nil
}
