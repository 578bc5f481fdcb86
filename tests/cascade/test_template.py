"""The template is the regression that made the volumes."""

import torch

from vct.cascade.template import Template


def test_fit_recovers_a_linear_population() -> None:
    rng = torch.Generator().manual_seed(0)
    truth = Template((4, 4, 4), 2)
    # Constant in space: pooling and upsampling then lose nothing.
    truth.coefficients += torch.randn(7, 2, 1, 1, 1, generator=rng)
    features = torch.randn(400, 7, generator=rng)
    features[:, 0] = 1.0
    clean = truth(features)
    noise = torch.randn(clean.shape, generator=rng) * torch.tensor([0.3, 0.1]).reshape(
        1, 2, 1, 1, 1
    )
    fitted = Template((4, 4, 4), 2)
    fitted.fit([(clean + noise, features)], ridge=0.0)
    torch.testing.assert_close(
        fitted.coefficients, truth.coefficients, atol=0.08, rtol=0.05
    )
    torch.testing.assert_close(
        fitted.residual_sd, torch.tensor([0.3, 0.1]), rtol=0.05, atol=0.0
    )


def test_residual_and_encoded_are_inverse() -> None:
    template = Template((2, 2, 2), 2)
    template.coefficients.normal_()
    template.residual_sd.copy_(torch.tensor([0.2, 0.05]))
    encoded, features = torch.randn(2, 2, 4, 4, 4), torch.randn(2, 7)
    back = template.to_encoded(template.to_residual(encoded, features), features)
    torch.testing.assert_close(back, encoded, atol=1e-5, rtol=1e-5)


def test_it_is_the_same_under_autocast() -> None:
    """Training runs under autocast, sampling does not."""
    rng = torch.Generator().manual_seed(0)
    template = Template((2, 2, 2), 2)
    template.coefficients.copy_(torch.randn(template.coefficients.shape, generator=rng))
    features = torch.randn(3, 7, generator=rng)
    with torch.autocast("cpu", torch.bfloat16):
        mean = template(features)
    assert mean.dtype == torch.float32
    assert torch.equal(mean, template(features))
