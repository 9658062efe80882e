use weal_privacy::Loss;
use weal_privacy::accounting::epsilon_of;

fn rho(rho_nano: u64) -> Loss {
    Loss { rho_nano, delta_femto: 0 }
}

#[test]
fn known_values() {
    let epsilon = epsilon_of(rho(500_000_000), 1e-6).unwrap();
    assert!((epsilon - 5.2215).abs() < 5e-5, "{epsilon}");
}
