//! The throwaway servers and the proxy do what their users rely on.

mod clusters;
mod proxies;
