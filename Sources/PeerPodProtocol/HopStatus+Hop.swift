public import PodNetwork

extension HopStatus {
    /// An interface as the kernel reports it.
    public init(_ hop: NodeNetworkState.Hop, in place: Place) {
        self.init()
        self.place = place.rawValue
        interface = hop.interface
        mtu = hop.mtu
        isUp = hop.isUp
        redirectedTo = hop.redirectedTo ?? ""
        receivedPackets = hop.counters.received.packets
        receivedBytes = hop.counters.received.bytes
        receivedDropped = hop.counters.received.dropped
        sentPackets = hop.counters.sent.packets
        sentBytes = hop.counters.sent.bytes
        sentDropped = hop.counters.sent.dropped
    }
}
