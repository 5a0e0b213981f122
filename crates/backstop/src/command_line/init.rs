use clap::Args;

/// Make the home, its keys and its repository, or what is missing of them
///
/// Running it again changes nothing that is there. The access key is printed once, by the run that makes it.
/// The home's key opens the backups: copy it to another machine at once (`backstop key export`).
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  backstop init --home /var/lib/backstop --repository file:///srv/backups")]
pub(crate) struct Init {
    /// Where the backups are kept, as a URL. Default: a folder in the home
    #[arg(long, value_name = "URL")]
    pub(crate) repository: Option<String>,
    /// Where the catalog is kept, as a URL: sqlite:// or postgres://. Default: a file in the home
    #[arg(long, value_name = "URL")]
    pub(crate) catalog: Option<String>,
    /// Take over a repository that belongs to another catalog: make the catalog from it
    ///
    /// Its key file must lie at keys/repository.key of the home.
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Id of the access key to make, instead of a random one
    #[arg(long, value_name = "ID", requires = "access_key_secret")]
    pub(crate) access_key_id: Option<String>,
    /// Secret of the access key to make. Other users of this machine can see it while the command runs
    #[arg(long, value_name = "SECRET", requires = "access_key_id")]
    pub(crate) access_key_secret: Option<String>,
}
